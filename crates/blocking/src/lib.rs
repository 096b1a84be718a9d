//! What a program can take from this lesson: a computation on other processors, and a watchdog.

mod compute;
mod watchdog;

pub use compute::{JobPanicked, compute};
pub use watchdog::{Silence, Watchdog};
