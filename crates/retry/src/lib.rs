//! Trying again, with a limit on everything: attempts, time, and load on the one who is asked.
//!
//! [`Policy::run`] calls an async operation until it succeeds, or until there is a reason to stop.
//! The delays, the loop and the state machine are those of the crate `backon`; the policy adds what
//! `backon` leaves to you: a time-out for each attempt and a deadline for all, the question whether
//! the operation may be repeated at all, a budget, and an error that tells of every attempt.
//!
//! ```
//! use std::time::Duration;
//!
//! use retry::{Cause, Failure, Policy, Repeat};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let policy = Policy {
//!     attempt: Duration::from_secs(2),
//!     total: Duration::from_secs(10),
//!     ..Policy::default()
//! };
//! let answer = policy.run(Repeat::Harmless, async |attempt| match attempt {
//!     1 => Err(Failure::new(Cause::Refused)),
//!     _ => Ok("hello"),
//! });
//! assert_eq!(answer.await.unwrap(), "hello");
//! # }
//! ```

mod budget;
mod causes;
mod failure;
mod policy;

pub use budget::Budget;
pub use causes::{Causes, Count};
pub use failure::{Cause, Failure};
pub use policy::{Failed, GaveUp, Policy, Repeat, Why, full_jitter};
