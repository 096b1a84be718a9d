//! Live prices: windows over event time, pushed to a page that updates itself.
//!
//! From where a trade comes to where it is seen, one module each:
//!
//! 1. [`exchange`] makes trades up, [`replay`] reads them from a file; [`feed`] waits until each of
//!    them is due.
//! 2. [`market`] adds them to [`bar`]s and looks for [`alerts`]. It has no clock and does no I/O, so
//!    that the same trades give the same result at any speed.
//! 3. [`report`] prints that result. [`live`] shares it with many clients: each [`sse`] stream takes
//!    what is new since its last update, whenever its socket has room, as [`view`] writes it.
//!    [`server`] is the HTTP around it, and [`patient`] the socket below.
//!
//! Times are milliseconds since 1970, UTC. Prices and volumes are integers of 1/10000 ([`UNIT`]):
//! sums of `f64` depend on the order in which they are added up, and trades arrive in no order.

pub mod alerts;
pub mod bar;
pub mod exchange;
pub mod feed;
pub mod live;
pub mod market;
pub mod patient;
pub mod random;
pub mod replay;
pub mod report;
pub mod server;
pub mod sse;
pub mod time;
pub mod trade;
pub mod view;

pub use market::{Market, Options};
pub use trade::{Symbol, Trade, UNIT};
