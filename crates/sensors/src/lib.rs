//! Thousands of devices over TCP: readings in, commands out, bridged to MQTT.
//!
//! A device connects, says who it is, and sends a line of JSON for each reading. [`Gateway`] is the
//! handle that everybody else uses: it tells what happens ([`Gateway::events`]), sends commands
//! ([`Gateway::command`]), and knows how each device fares ([`Gateway::snapshot`]). [`serve`] takes
//! the connections.
//!
//! Begin to read in `connection.rs`: it is what happens to one device (`handshake.rs` has its first
//! line and its last). `gateway.rs` is what happens
//! to all of them, `serve.rs` takes the connections, `wire.rs` has the lines that they exchange.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test fails by panicking; clippy knows its functions, not its helpers"
    )
)]

mod codec;
mod connection;
mod counters;
mod device;
mod event;
mod gateway;
mod handshake;
mod limits;
pub mod mqtt;
mod registry;
mod serve;
pub mod simulator;
mod snapshot;
mod window;
pub mod wire;

pub use event::{Event, Why};
pub use gateway::{CommandError, Gateway, Options};
pub use serve::{bind, serve};
pub use snapshot::{DeviceStatus, KindStatus, Snapshot, Totals};
pub use window::{BUCKETS, Summary};
pub use wire::{Ack, Command};
