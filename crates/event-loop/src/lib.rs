//! An event loop on one thread, like asyncio's.
//!
//! - `task.rs`: what a waker knows of its task; the run queue; `JoinHandle`.
//! - `executor.rs`: the loop itself; `block_on` and `spawn`.
//! - `timer.rs`: the clock, the timers, `sleep`.
//! - `net.rs`: the selector and the sockets.
//! - `trace.rs`, `stuck.rs`: it tells what it does, and when it would sleep forever.
//!
//! ```
//! use std::time::Duration;
//! use event_loop::{Clock, EventLoop, sleep, spawn};
//!
//! # fn main() -> std::io::Result<()> {
//! let event_loop = EventLoop::new(Clock::Virtual)?;
//! let data = event_loop.block_on(async {
//!     let task = spawn("fetch_data", async {
//!         sleep(Duration::from_secs(2)).await;
//!         123
//!     });
//!     task.await
//! })?;
//! assert_eq!(data, 123);
//! assert_eq!(event_loop.now(), Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```

mod executor;
mod net;
mod stuck;
mod task;
mod timer;
mod trace;

pub use executor::{EventLoop, spawn};
pub use net::{TcpListener, TcpStream, open_sockets};
pub use task::JoinHandle;
pub use timer::{Clock, Sleep, now, sleep};
