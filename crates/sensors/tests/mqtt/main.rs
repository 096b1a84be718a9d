//! The bridge against a real broker, and what its library does and does not do.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod bridge;
mod broker;
mod library;
