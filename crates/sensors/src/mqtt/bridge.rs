//! What the bridge makes of what happens at the gateway and at the broker.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::pending;
use futures::stream::Stream;
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, PublishProperties, RetainForwardRule};
use serde::Serialize;
use tokio::time::timeout;

use super::link::Happened;
use super::{Counts, GATEWAY, GATEWAY_STATUS};
use crate::{Ack, Command, Event, Gateway};

/// How many commands may wait for the answer of a device at one time.
const COMMANDS: usize = 64;
/// How many statuses may wait for the broker. With more they are forgotten, and asked for again
/// when there is room.
const STATUSES: usize = 100_000;
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// A command that has come, and what its answer needs.
pub(super) struct Order {
    device: String,
    command: Command,
    correlation: Option<Bytes>,
}

/// The answer to it.
pub(super) struct Answer {
    device: String,
    ack: Ack,
    correlation: Option<Bytes>,
}

impl Order {
    /// What the device says to it, or why it says nothing.
    pub(super) async fn answer(self, gateway: &Gateway) -> Answer {
        let ack = gateway.command(&self.device, self.command).await;
        Answer {
            device: self.device,
            ack: ack.unwrap_or_else(|error| refusal(error.to_string())),
            correlation: self.correlation,
        }
    }
}

fn refusal(why: String) -> Ack {
    Ack {
        ok: false,
        error: Some(why),
    }
}

#[derive(Serialize)]
struct Reading {
    at: i64,
    value: f64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bad_clock: bool,
}

/// What the bridge knows, and what it does with what happens on either side. None of it waits,
/// but [`Bridge::next_status`] and the farewell.
pub(super) struct Bridge<'a> {
    gateway: &'a Gateway,
    counts: &'a Counts,
    /// There is one while there is a connection.
    client: Option<AsyncClient>,
    online: HashSet<Arc<str>>,
    /// What is still to be told of whom: the newest only.
    statuses: BTreeMap<Arc<str>, bool>,
    /// Statuses were forgotten.
    behind: bool,
}

impl<'a> Bridge<'a> {
    pub(super) fn new(gateway: &'a Gateway, counts: &'a Counts) -> Self {
        Self {
            gateway,
            counts,
            client: None,
            online: HashSet::new(),
            statuses: BTreeMap::new(),
            behind: false,
        }
    }

    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        self.client.is_some()
    }

    /// Everything that belongs to a connection: the broker has forgotten who we are and what we
    /// wanted to hear, and if it was restarted, also what it had retained.
    pub(super) fn up(&mut self, client: AsyncClient) {
        self.counts.connected.store(true, Relaxed);
        Counts::add(&self.counts.connections, 1);
        let commands = Filter {
            // A command that was retained would be given to the device after each connection.
            retain_forward_rule: RetainForwardRule::Never,
            ..Filter::new("sensors/+/command", QoS::AtLeastOnce)
        };
        // What an earlier gateway has left behind, not what we say ourselves.
        let statuses = Filter {
            nolocal: true,
            ..Filter::new("sensors/+/status", QoS::AtMostOnce)
        };
        // The queue is empty, so there is room.
        let _ = client.try_subscribe_many([commands, statuses]);
        let _ = client.try_publish(GATEWAY_STATUS, QoS::AtLeastOnce, true, "online");
        self.client = Some(client);
        self.look();
    }

    pub(super) fn down(&mut self, lost: u64) {
        self.counts.connected.store(false, Relaxed);
        self.counts.published.fetch_sub(lost, Relaxed);
        Counts::add(&self.counts.dropped, lost);
        self.client = None;
        self.statuses.clear();
    }

    /// Asks how everything stands, instead of what has happened.
    fn look(&mut self) {
        self.behind = false;
        self.online.clear();
        for device in self.gateway.snapshot().devices {
            self.status(&device.id, device.online);
        }
    }

    pub(super) fn lagged(&mut self, missed: u64) {
        Counts::add(&self.counts.dropped, missed);
        self.look();
    }

    fn status(&mut self, device: &Arc<str>, online: bool) {
        if &**device == GATEWAY {
            return;
        }
        if online {
            self.online.insert(Arc::clone(device));
        } else {
            self.online.remove(device);
        }
        if self.client.is_some() {
            self.statuses.insert(Arc::clone(device), online);
        }
        if self.statuses.len() > STATUSES {
            self.statuses.clear();
            self.behind = true;
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Online { device, .. } => self.status(device, true),
            Event::Offline { device, .. } => self.status(device, false),
            Event::Reading {
                device,
                kind,
                value,
                at,
                bad_clock,
            } => {
                let reading = Reading {
                    at: *at,
                    value: *value,
                    bad_clock: *bad_clock,
                };
                // A device must not speak on the topics that are ours.
                let ours = matches!(&**kind, "status" | "command" | "ack") || &**device == GATEWAY;
                let sent = !ours && self.send(&format!("sensors/{device}/{kind}"), &reading, None);
                let counts = self.counts;
                Counts::add(
                    if sent {
                        &counts.published
                    } else {
                        &counts.dropped
                    },
                    1,
                );
            }
            _ => {}
        }
    }

    /// Whether there was a connection, and room in its queue. It never waits.
    fn send(&self, topic: &str, message: &impl Serialize, answers: Option<Bytes>) -> bool {
        let (Some(client), Ok(json)) = (&self.client, serde_json::to_vec(message)) else {
            return false;
        };
        let properties = PublishProperties {
            correlation_data: answers,
            ..PublishProperties::default()
        };
        client
            .try_publish_with_properties(topic, QoS::AtMostOnce, false, json, properties)
            .is_ok()
    }

    /// Tells the next status when there is room. There is none without a connection.
    ///
    /// Dropped, it may have told it already. The next one tells it again, and that changes nothing.
    pub(super) fn next_status(&self) -> Option<impl Future<Output = Arc<str>> + use<>> {
        let client = self.client.clone()?;
        let (device, &online) = self.statuses.first_key_value()?;
        let device = Arc::clone(device);
        Some(async move {
            tell_status(&client, &device, online).await;
            device
        })
    }

    pub(super) fn told(&mut self, device: &str) {
        self.statuses.remove(device);
        if self.statuses.is_empty() && self.behind {
            self.look();
        }
    }

    /// A message from the broker. `waiting` commands have no answer yet.
    pub(super) fn message(&mut self, message: Publish, waiting: usize) -> Option<Order> {
        let topic = std::str::from_utf8(&message.topic).ok()?;
        let (device, what) = topic.strip_prefix("sensors/")?.split_once('/')?;
        if what == "status" {
            // It says online, of a device that was lost together with an earlier gateway.
            if message.retain && *message.payload == *b"online" && !self.online.contains(device) {
                self.status(&Arc::from(device), false);
            }
            return None;
        }
        if what != "command" || message.retain {
            return None;
        }
        Counts::add(&self.counts.commands, 1);
        let correlation = message.properties.and_then(|given| given.correlation_data);
        let command = match serde_json::from_slice(&message.payload) {
            Ok(command) if waiting < COMMANDS => Ok(command),
            Ok(_) => Err("too many commands at one time; try again".to_owned()),
            Err(error) => Err(format!("this is no command: {error}")),
        };
        let device = device.to_owned();
        match command {
            Ok(command) => Some(Order {
                device,
                command,
                correlation,
            }),
            Err(why) => {
                self.ack(Answer {
                    device,
                    ack: refusal(why),
                    correlation,
                });
                None
            }
        }
    }

    pub(super) fn ack(&mut self, answer: Answer) {
        let topic = format!("sensors/{}/ack", answer.device);
        if !self.send(&topic, &answer.ack, answer.correlation) {
            Counts::add(&self.counts.dropped, 1);
        }
    }

    /// Tells what is left to tell, and that the gateway is offline. A clean end is no reason for
    /// the broker to do so.
    pub(super) async fn farewell(self, mut link: impl Stream<Item = Happened> + Unpin) {
        let Some(client) = self.client else { return };
        let tell = async {
            for (device, online) in &self.statuses {
                tell_status(&client, device, *online).await;
            }
            tell_status(&client, GATEWAY, false).await;
            let _ = client.disconnect().await;
            pending::<()>().await;
        };
        // The broker hangs up when it has read this.
        let read =
            async { while !matches!(link.next().await, Some(Happened::Down { .. }) | None) {} };
        let both = async {
            tokio::select! {
                () = tell => {}
                () = read => {}
            }
        };
        let _ = timeout(FAREWELL, both).await;
    }
}

/// At least once: who hears of it with the same quality gets it also after being away.
async fn tell_status(client: &AsyncClient, device: &str, online: bool) {
    let payload = if online { "online" } else { "offline" };
    let topic = format!("sensors/{device}/status");
    // It fails if the connection is lost; the next one tells everything anew.
    let _ = client.publish(topic, QoS::AtLeastOnce, true, payload).await;
}
