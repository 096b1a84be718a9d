//! The bridge against a real broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use sensors::{Gateway, Options, mqtt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, split};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::broker::Broker;

const SOON: Duration = Duration::from_secs(20);

/// A gateway with a bridge, without TCP: devices come through pipes.
struct Bridged {
    gateway: Gateway,
    counts: Arc<mqtt::Counts>,
    said: Arc<Mutex<Vec<String>>>,
    bridge: JoinHandle<Result<(), mqtt::Refused>>,
}

impl Bridged {
    fn start(url: &str) -> Self {
        let gateway = Gateway::new(Options::default());
        let counts = Arc::new(mqtt::Counts::default());
        let said = Arc::new(Mutex::new(Vec::new()));
        let say = Arc::clone(&said);
        let broker = url.parse().unwrap();
        let (of_gateway, of_counts) = (gateway.clone(), Arc::clone(&counts));
        let bridge = tokio::spawn(async move {
            let say = |line: &str| say.lock().unwrap().push(line.to_owned());
            mqtt::run(of_gateway, broker, of_counts, say).await
        });
        Self {
            gateway,
            counts,
            said,
            bridge,
        }
    }

    async fn device(&self, id: &str) -> Device {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let gateway = self.gateway.clone();
        tokio::spawn(async move { gateway.attend(theirs).await });
        let (reader, writer) = split(ours);
        let mut device = Device {
            reader: BufReader::new(reader),
            writer,
        };
        device.send(&json!({ "hello": id })).await;
        assert_eq!(device.receive().await["welcome"], id);
        device
    }

    async fn until(&self, what: &str, reached: impl Fn(mqtt::Numbers) -> bool) {
        let reached = async {
            while !reached(self.counts.get()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(SOON, reached).await;
        assert!(waited.is_ok(), "{what}: {:?}", self.counts.get());
    }

    async fn until_connected(&self, times: u64) {
        self.until("connected", |now| now.connected && now.connections >= times)
            .await;
    }
}

impl Drop for Bridged {
    fn drop(&mut self) {
        self.bridge.abort();
    }
}

struct Device {
    reader: BufReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
}

impl Device {
    async fn send(&mut self, line: &Value) {
        let line = format!("{line}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn reading(&mut self, kind: &str, value: f64) {
        let at = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let at = u64::try_from(at.as_millis()).unwrap();
        self.send(&json!({"at": at, "kind": kind, "value": value}))
            .await;
    }

    async fn receive(&mut self) -> Value {
        let mut line = String::new();
        let read = timeout(SOON, self.reader.read_line(&mut line));
        read.await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// Somebody else at the same broker, who hears everything.
struct Listener {
    client: AsyncClient,
    heard: watch::Receiver<BTreeMap<String, Vec<String>>>,
    polls: JoinHandle<()>,
}

impl Listener {
    /// Retained messages come first.
    async fn start(port: u16) -> Self {
        let mut options =
            MqttOptions::new(format!("listener-{}", fastrand::u32(..)), "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5));
        options.set_max_packet_size(Some(1_000_000));
        let (client, mut events) = AsyncClient::new(options, 100);
        let (tell, mut heard) = watch::channel(BTreeMap::new());
        client
            .subscribe_many([Filter::new("#", QoS::AtLeastOnce)])
            .await
            .unwrap();
        let polls = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let topic = String::from_utf8(message.topic.to_vec()).unwrap();
                        let mut text = String::from_utf8_lossy(&message.payload).into_owned();
                        if let Some(given) = message.properties.and_then(|p| p.correlation_data) {
                            text += &format!(" for {}", String::from_utf8_lossy(&given));
                        }
                        tell.send_modify(|heard: &mut BTreeMap<String, Vec<String>>| {
                            heard.entry(topic).or_default().push(text);
                        });
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        tell.send_modify(|heard| {
                            heard.insert("subscribed".into(), Vec::new());
                        });
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        let ready = heard.wait_for(|heard| heard.contains_key("subscribed"));
        timeout(SOON, ready).await.unwrap().unwrap();
        Self {
            client,
            heard,
            polls,
        }
    }

    /// Waits until `text` is the last that was heard on `topic`.
    async fn last(&mut self, topic: &str, text: &str) {
        let is_last = |heard: &BTreeMap<String, Vec<String>>| {
            heard
                .get(topic)
                .and_then(|heard| heard.last())
                .is_some_and(|last| last == text)
        };
        let waited = timeout(SOON, self.heard.wait_for(is_last)).await.is_ok();
        let all = self.all(topic);
        assert!(waited, "{topic} is not {text:?} in the end: {all:?}");
    }

    fn all(&self, topic: &str) -> Vec<String> {
        self.heard.borrow().get(topic).cloned().unwrap_or_default()
    }

    async fn send(&self, topic: &str, retain: bool, payload: &str) {
        let sent = self
            .client
            .publish(topic, QoS::AtLeastOnce, retain, payload.to_owned());
        assert!(sent.await.is_ok());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.polls.abort();
    }
}

#[tokio::test]
async fn readings_and_states_go_out() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    let mut listener = Listener::start(broker.port).await;
    let bridged = Bridged::start(&broker.url());
    bridged.until_connected(1).await;
    let mut pump = bridged.device("pump-17").await;
    listener.last("sensors/gateway/status", "online").await;
    listener.last("sensors/pump-17/status", "online").await;
    pump.send(&json!({"at": 7, "kind": "temperature", "value": 21.5}))
        .await;
    let old = r#"{"at":7,"value":21.5,"bad_clock":true}"#;
    listener.last("sensors/pump-17/temperature", old).await;
    drop(pump);
    listener.last("sensors/pump-17/status", "offline").await;
    // Who comes later gets the states, and no reading.
    let mut later = Listener::start(broker.port).await;
    later.last("sensors/pump-17/status", "offline").await;
    later.last("sensors/gateway/status", "online").await;
    assert_eq!(later.all("sensors/pump-17/temperature"), [""; 0]);
    assert_eq!(bridged.counts.get().published, 1);
    assert_eq!(bridged.counts.get().dropped, 0);
}

#[tokio::test]
async fn commands_come_in_and_are_answered() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    let mut listener = Listener::start(broker.port).await;
    let bridged = Bridged::start(&broker.url());
    bridged.until_connected(1).await;
    let mut pump = bridged.device("pump-17").await;
    listener.last("sensors/pump-17/status", "online").await;

    let command = r#"{"do":"set_interval","seconds":2.0}"#;
    listener
        .send("sensors/pump-17/command", false, command)
        .await;
    let command = json!({"command": 1, "do": "set_interval", "seconds": 2.0});
    assert_eq!(pump.receive().await, command);
    pump.send(&json!({"ack": 1, "ok": true})).await;
    listener.last("sensors/pump-17/ack", r#"{"ok":true}"#).await;

    // The property of MQTT 5 by which an answer finds its question.
    let properties = PublishProperties {
        correlation_data: Some("question 7".into()),
        ..PublishProperties::default()
    };
    let (topic, identify) = ("sensors/pump-17/command", r#"{"do":"identify"}"#);
    listener
        .client
        .publish_with_properties(topic, QoS::AtLeastOnce, false, identify, properties)
        .await
        .unwrap();
    assert_eq!(pump.receive().await["do"], "identify");
    pump.send(&json!({"ack": 2, "ok": false, "error": "no lamp"}))
        .await;
    let answer = r#"{"ok":false,"error":"no lamp"} for question 7"#;
    listener.last("sensors/pump-17/ack", answer).await;

    // What is none, or for nobody, is answered too.
    for (device, payload, part) in [
        ("pump-17", "reboot", "this is no command: "),
        (
            "pump-17",
            r#"{"do":"explode"}"#,
            "this is no command: unknown variant `explode`",
        ),
        ("pump-17", r#"{"do":"set_interval","seconds":0}"#, "0.1"),
        ("nobody", r#"{"do":"reboot"}"#, "offline"),
    ] {
        listener
            .send(&format!("sensors/{device}/command"), false, payload)
            .await;
        let topic = format!("sensors/{device}/ack");
        let said = |heard: &BTreeMap<String, Vec<String>>| {
            let last = heard.get(&topic).and_then(|heard| heard.last());
            last.is_some_and(|last| last.starts_with(r#"{"ok":false,"#) && last.contains(part))
        };
        let waited = timeout(SOON, listener.heard.wait_for(said)).await.is_ok();
        assert!(waited, "{payload}: {:?}", listener.all(&topic));
    }
    assert_eq!(bridged.counts.get().commands, 6);
}

#[tokio::test]
async fn what_was_retained_is_no_command_and_what_is_large_does_not_come() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    let mut listener = Listener::start(broker.port).await;
    listener
        .send("sensors/pump-17/command", true, r#"{"do":"reboot"}"#)
        .await;
    listener
        .send("sensors/large/command", true, &"x".repeat(100_000))
        .await;
    listener
        .last("sensors/large/command", &"x".repeat(100_000))
        .await;
    let bridged = Bridged::start(&broker.url());
    let mut pump = bridged.device("pump-17").await;
    bridged.until_connected(1).await;
    listener
        .send("sensors/pump-17/command", false, &"x".repeat(100_000))
        .await;
    listener
        .send("sensors/pump-17/command", false, r#"{"do":"identify"}"#)
        .await;
    assert_eq!(
        pump.receive().await["do"],
        "identify",
        "the first that it gets"
    );
    assert_eq!(bridged.counts.get().connections, 1);
    assert_eq!(bridged.counts.get().commands, 1);
}

#[tokio::test]
async fn a_broker_that_comes_back_is_told_everything() {
    let Some(mut broker) = Broker::open().await else {
        return;
    };
    let bridged = Bridged::start(&broker.url());
    bridged.until_connected(1).await;
    let mut stays = bridged.device("stays").await;
    let mut goes = bridged.device("goes").await;
    goes.reading("t", 1.0).await;
    bridged.until("one reading", |now| now.published == 1).await;

    broker.crash();
    bridged.until("noticed", |now| !now.connected).await;
    for value in 0..10 {
        stays.reading("t", f64::from(value)).await;
    }
    bridged.until("dropped", |now| now.dropped == 10).await;
    drop(goes);
    let _comes = bridged.device("comes").await;
    broker.start_again().await;
    bridged.until_connected(2).await;

    // This broker has kept nothing.
    let mut listener = Listener::start(broker.port).await;
    for (device, status) in [
        ("stays", "online"),
        ("goes", "offline"),
        ("comes", "online"),
        ("gateway", "online"),
    ] {
        listener
            .last(&format!("sensors/{device}/status"), status)
            .await;
    }
    // The subscription is there again, and no reading of the meantime comes late.
    listener
        .send("sensors/stays/command", false, r#"{"do":"identify"}"#)
        .await;
    assert_eq!(stays.receive().await["do"], "identify");
    stays.reading("t", 99.0).await;
    bridged.until("published", |now| now.published == 2).await;
    bridged
        .until("heard", |_| !listener.all("sensors/stays/t").is_empty())
        .await;
    assert_eq!(listener.all("sensors/stays/t").len(), 1);
    // What a person reads: once that it is away, however many attempts there were.
    let said = bridged.said.lock().unwrap().clone();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].starts_with("connected to the broker mqtt://127.0.0.1:"),
        "{said:?}"
    );
    assert!(
        said[1].contains(" is away: ") && said[1].ends_with("; trying again"),
        "{said:?}"
    );
    assert_eq!(said[2], said[0]);
}

#[tokio::test]
async fn a_gateway_that_dies_is_told_as_offline_and_its_successor_mends_the_rest() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    let mut listener = Listener::start(broker.port).await;
    let bridged = Bridged::start(&broker.url());
    bridged.until_connected(1).await;
    let _pump = bridged.device("pump-17").await;
    listener.last("sensors/pump-17/status", "online").await;
    drop(bridged);
    listener.last("sensors/gateway/status", "offline").await;
    // Nobody has told the other one, so whoever reads it has to read both.
    listener.last("sensors/pump-17/status", "online").await;

    let bridged = Bridged::start(&broker.url());
    bridged.until_connected(1).await;
    listener.last("sensors/pump-17/status", "offline").await;
    listener.last("sensors/gateway/status", "online").await;
}

#[tokio::test]
async fn a_gateway_that_stops_says_so() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    let mut listener = Listener::start(broker.port).await;
    let mut bridged = Bridged::start(&broker.url());
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let tcp = sensors::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = tcp.local_addr().unwrap();
    let gateway = bridged.gateway.clone();
    let served = tokio::spawn(async move {
        sensors::serve(tcp, &gateway, async { stopping.await.unwrap_or(()) }).await
    });
    bridged.until_connected(1).await;
    let mut devices = Vec::new();
    for number in 0..200 {
        let mut device = tokio::net::TcpStream::connect(address).await.unwrap();
        let hello = format!("{{\"hello\":\"pump-{number}\"}}\n");
        device.write_all(hello.as_bytes()).await.unwrap();
        devices.push(device);
    }
    for number in 0..200 {
        listener
            .last(&format!("sensors/pump-{number}/status"), "online")
            .await;
    }
    stop.send(()).unwrap();
    let ended = timeout(SOON, &mut bridged.bridge).await.unwrap().unwrap();
    assert_eq!(ended, Ok(()));
    // All of it was sent before the end.
    listener.last("sensors/gateway/status", "offline").await;
    for number in 0..200 {
        listener
            .last(&format!("sensors/pump-{number}/status"), "offline")
            .await;
    }
    assert_eq!(
        listener.all("sensors/gateway/status"),
        ["online", "offline"]
    );
    served.await.unwrap();
}

/// The broker has its socket and reads nothing. The gateway does not notice.
#[tokio::test]
async fn a_broker_that_stands_still_slows_nobody() {
    let Some(mut broker) = Broker::open().await else {
        return;
    };
    let bridged = Bridged::start(&broker.url());
    bridged.until_connected(1).await;
    broker.freeze(true);
    let mut devices = Vec::new();
    for number in 0..100 {
        devices.push(bridged.device(&format!("pump-{number}")).await);
    }
    let mut sent: u64 = 0;
    // Until the system's buffers and the queue are full.
    while bridged.counts.get().dropped < 1000 {
        for device in &mut devices {
            device.reading("t", 1.0).await;
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all = async {
        while bridged.gateway.snapshot().totals.readings < sent {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(SOON, all).await.is_ok(), "the gateway has them all");
    broker.freeze(false);
}

#[tokio::test]
async fn users_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    // What `mosquitto_passwd -c -b passwords ada p@ss` writes.
    let passwords = concat!(
        "ada:$7$101$0xdN2BTtDJwZtZLD$xYGQVFCIBsU0jjdRQR1AhhCByUAXb/",
        "0vkUuN5RG3Y9GMjmHGneCBeyUVwn39OQxqyuBBxcXAp49Z7w1z2iX6Og==\n"
    );
    std::fs::write(&file, passwords).unwrap();
    let lines = format!("allow_anonymous false\npassword_file {}", file.display());
    let Some(broker) = Broker::start(&lines).await else {
        return;
    };
    let port = broker.port;
    for login in ["", "ada:wrong@", "bob:p%40ss@"] {
        let mut bridged = Bridged::start(&format!("mqtt://{login}127.0.0.1:{port}"));
        let ended = timeout(SOON, &mut bridged.bridge).await.unwrap().unwrap();
        let error = ended.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("the broker mqtt://127.0.0.1:{port} refuses us (")),
            "{error}"
        );
    }
    let bridged = Bridged::start(&format!("mqtt://ada:p%40ss@127.0.0.1:{port}"));
    bridged.until_connected(1).await;
}

#[tokio::test]
async fn a_broker_may_come_later() {
    let Some(mut broker) = Broker::open().await else {
        return;
    };
    broker.crash();
    let bridged = Bridged::start(&broker.url());
    let _pump = bridged.device("pump-17").await;
    let said = async {
        while bridged.said.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, said).await.unwrap();
    broker.start_again().await;
    let mut listener = Listener::start(broker.port).await;
    listener.last("sensors/pump-17/status", "online").await;
}
