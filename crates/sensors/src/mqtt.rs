//! A bridge between the gateway and an MQTT broker.
//!
//! | topic | | |
//! |---|---|---|
//! | `sensors/ID/KIND` | out | a reading, `{"at":1790000000000,"value":21.5}`, at most once |
//! | `sensors/ID/status` | out | `online` or `offline`, retained |
//! | `sensors/gateway/status` | out | the same of this bridge; when it dies, the broker says `offline` |
//! | `sensors/ID/command` | in | `{"do":"set_interval","seconds":2.0}` |
//! | `sensors/ID/ack` | out | `{"ok":true}`, or `{"ok":false,"error":"…"}` |
//!
//! A reading is an event: one that cannot be sent is dropped and counted. A status is a state: what
//! was missed does not matter, if the newest is told in the end. So each new connection tells all of
//! them, and nothing is kept while there is none.
//!
//! The gateway is never made to wait. Between it and the broker there are three bounds, and none of
//! them makes a sender wait: the events of [`Gateway::events`], the queue of the MQTT client, and
//! the number of commands that are answered at one time.

mod bridge;
mod broker;
mod counts;
mod link;

use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::OptionFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::broadcast::error::RecvError;

use crate::Gateway;
use bridge::Bridge;
use link::Happened;

pub use broker::{BadUrl, Broker};
pub use counts::{Counts, Numbers};

const GATEWAY: &str = "gateway";
const GATEWAY_STATUS: &str = "sensors/gateway/status";

/// The broker does not want us, and will not at the next attempt.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker {broker} refuses us ({why}); check user and password in --mqtt")]
pub struct Refused {
    broker: String,
    why: String,
}

/// Publishes what happens at `gateway`, and hands it the commands that come, until it has stopped.
///
/// What a person should know (that the broker is away, that it is back) is given to `say`.
///
/// Dropped before, it says no farewell, and the broker tells everybody that the gateway is offline.
///
/// # Errors
///
/// If the broker refuses the first connection because of user or password. One that is not there,
/// or goes away, is no error: it is tried again, at most every 30 seconds.
pub async fn run(
    gateway: Gateway,
    broker: Broker,
    counts: Arc<Counts>,
    mut say: impl FnMut(&str),
) -> Result<(), Refused> {
    let mut events = gateway.events();
    let mut stopped = pin!(gateway.stopped());
    let mut link = pin!(link::connect(broker.clone()));
    let mut answers = FuturesUnordered::new();
    let mut bridge = Bridge::new(&gateway, &counts);
    let mut attempts = 0;
    loop {
        // No arm waits: while one did, nobody would poll the connection.
        tokio::select! {
            Some(happened) = link.next() => match happened {
                Happened::Up(client) => {
                    say(&format!("connected to the broker {broker}"));
                    attempts = 1;
                    bridge.up(client);
                }
                Happened::Message(message) => {
                    if let Some(order) = bridge.message(message, answers.len()) {
                        answers.push(order.answer(&gateway));
                    }
                }
                Happened::Down { why, refused: true, .. } if attempts == 0 => {
                    return Err(Refused { broker: broker.to_string(), why });
                }
                Happened::Down { why, lost, .. } => {
                    // Said once, not at each attempt.
                    if bridge.is_up() || attempts == 0 {
                        say(&format!("the broker {broker} is away: {why}; trying again"));
                    }
                    attempts += 1;
                    bridge.down(lost);
                }
            },
            event = events.recv() => match event {
                Ok(event) => bridge.event(&event),
                Err(RecvError::Lagged(missed)) => bridge.lagged(missed),
                Err(RecvError::Closed) => break,
            },
            Some(told) = OptionFuture::from(bridge.next_status()) => bridge.told(&told),
            Some(ack) = answers.next(), if !answers.is_empty() => bridge.ack(ack),
            () = &mut stopped => break,
        }
    }
    // What the gateway has said at the end: that each device is offline.
    while let Ok(event) = events.try_recv() {
        bridge.event(&event);
    }
    bridge.farewell(link).await;
    Ok(())
}
