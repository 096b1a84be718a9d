//! Ctrl-C without a handler: the process ends where it is. No `Drop` runs, no buffer is flushed.
//!
//! ```console
//! $ cargo run -p shutdown --bin without-handler
//! ```
//!
//! In Python: `asyncio.run` cancels `main`, and its `finally` runs (`without-handler.py`).

use std::time::Duration;

use common::Stage;
use tokio::time::sleep;

struct Tools;

impl Drop for Tools {
    fn drop(&mut self) {
        println!("tools put away");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let stage = Stage::new("Ctrl-C without a handler: nothing is put away.");
    stage.package("shutdown").real_io().begin().await;
    let _tools = Tools;
    println!("work begins");
    sleep(Duration::from_mins(1)).await; // press Ctrl-C
    println!("work is done");
}
