//! Thousands of devices over TCP: readings in, commands out, bridged to MQTT.
//!
//! You will see a gateway and twenty devices, six of which have a fault each. The gateway finds the
//! faults, and loses no reading of the others.
//!
//! ```console
//! $ cargo run -p sensors
//! $ cargo run -p sensors -- gateway --view
//! $ cargo run -p sensors -- simulate --devices 1000 --faults all=5
//! ```
//!
//! The last two belong in two terminals. `nc 127.0.0.1 8080` is a device, too: say
//! `{"hello":"pump-17"}`.
//!
//! In Python: `asyncio.start_server`, `reader.readline()`, `writer.write(line)` and
//! `await writer.drain()`. `sensors.py` is the same gateway in Python.

mod command_line;
mod demo;
mod log;
mod run_gateway;
mod run_simulator;
mod screen;
mod signals;
mod table;

use std::process::ExitCode;

use tokio::runtime::Builder;

use command_line::Task;

/// What the program was asked for.
async fn run() -> ExitCode {
    let stage = command_line::stage().await;
    let done = match command_line::task(&stage) {
        Task::Demo(options) => demo::run(&stage, options).await,
        Task::Gateway(options) => run_gateway::run(options).await,
        Task::Simulate(options) => run_simulator::run(options).await,
    };
    match done {
        Ok(()) => stage.finish(),
        Err(why) => {
            eprintln!("sensors: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The demonstration runs on one thread, as asyncio's event loop does, so that each run of it is the
/// same. The gateway and the simulator of thousands take a thread for each core.
fn main() -> ExitCode {
    let mut builder = if command_line::is_large(std::env::args().skip(1)) {
        Builder::new_multi_thread()
    } else {
        Builder::new_current_thread()
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sensors: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run());
    // Does not wait for the thread that reads standard input, where nothing may come any more.
    runtime.shutdown_background();
    code
}
