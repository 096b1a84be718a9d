//! What `main` leaves behind when it returns: a task is dropped where it waits, a thread is waited
//! for.
//!
//! ```console
//! $ cargo run -p shutdown --bin main-returns
//! ```
//!
//! In Python: `asyncio.run` cancels the task, lets it end, and waits for the thread too.

use std::thread;
use std::time::Duration;

use common::Stage;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

struct Tools;

impl Drop for Tools {
    fn drop(&mut self) {
        println!("task: tools put away");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let stage = Stage::new("What main leaves behind when it returns.");
    stage.package("shutdown").real_io().begin().await;
    tokio::spawn(async {
        let _tools = Tools;
        println!("task: begins");
        sleep(SECOND).await;
        println!("task: done");
    });
    spawn_blocking(|| {
        thread::sleep(SECOND); // a computation, a file, the resolver of names
        println!("thread: done");
    });
    yield_now().await; // so that the task begins
    println!("main returns");
}
