//! The command of the classroom: `cargo run -p exercises`.

mod catalogue;
mod cli;
mod compile;
mod doctor;
mod grade;
mod inventory;
mod progress;
mod report;
mod say;
mod verify;
mod watch;
mod workshop;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("exercises: {error:#}");
            ExitCode::from(2)
        }
    }
}
