//! What every lesson shares and no lesson teaches.
//!
//! - [`Stage`]: the flags that all lessons answer (`--help`, `--instant`, `--timeline`).
//! - [`timeline`]: a recorder that draws what happened to each future.
//! - `StopSignals`, with the feature `signals`: Ctrl-C, for the programs after chapter 12.
//!
//! A lesson uses both like this:
//!
//! ```
//! use std::time::Duration;
//! use common::{Stage, Trace as _};
//!
//! # use std::process::ExitCode;
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode {
//!     let stage = Stage::new("Waits two seconds.").begin().await;
//!     # tokio::time::pause();
//!     tokio::time::sleep(Duration::from_secs(2)).traced("sleep(2)").await;
//!     stage.finish()
//! }
//! ```

#[cfg(feature = "signals")]
mod signals;
mod stage;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeline;

#[cfg(feature = "signals")]
pub use signals::StopSignals;
pub use stage::Stage;
pub use timeline::{Trace, Traced};
