//! Whoever has listened for Ctrl-C once must go on listening: tokio has taken the signal over, and
//! nothing gives it back.
//!
//! ```console
//! $ cargo run -p shutdown --bin ctrl-c-once
//! ```
//!
//! In Python: `loop.remove_signal_handler` does give it back (`ctrl-c-once.py`).

use std::io;
use std::time::Duration;

use common::Stage;
use tokio::signal::ctrl_c;
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let stage = Stage::new("Whoever has listened for Ctrl-C once must go on listening.");
    stage.package("shutdown").real_io().begin().await;
    let moment = Duration::from_millis(300);
    if let Ok(pressed) = timeout(moment, ctrl_c()).await {
        pressed?;
        println!("stopped");
        return Ok(());
    }
    println!("no longer listening");
    sleep(3 * moment).await; // press Ctrl-C
    println!("still here");

    match timeout(moment, ctrl_c()).await {
        Ok(_) => println!("it comes now"),
        Err(_) => println!("and it does not come later"),
    }
    Ok(())
}
