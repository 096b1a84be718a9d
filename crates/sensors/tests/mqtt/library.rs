//! What rumqttc does and does not do, on which the bridge and the chapter rely.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, ConnectReturnCode, Filter, Packet};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::broker::Broker;

const NOT_YET: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(10);

fn options(name: &str, port: u16) -> MqttOptions {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(5));
    options
}

/// Polls until a packet comes that `wanted` takes.
async fn until<T>(events: &mut EventLoop, wanted: impl Fn(&Packet) -> Option<T>) -> T {
    let found = timeout(SOON, async {
        loop {
            if let Ok(Event::Incoming(packet)) = events.poll().await
                && let Some(found) = wanted(&packet)
            {
                return found;
            }
        }
    });
    found.await.unwrap()
}

async fn until_connected(events: &mut EventLoop) -> ConnAck {
    until(events, |packet| match packet {
        Packet::ConnAck(answer) => Some(answer.clone()),
        _ => None,
    })
    .await
}

async fn until_subscribed(events: &mut EventLoop) {
    until(events, |packet| {
        matches!(packet, Packet::SubAck(_)).then_some(())
    })
    .await;
}

async fn next_message(events: &mut EventLoop) -> Vec<u8> {
    until(events, |packet| match packet {
        Packet::Publish(message) => Some(message.payload.to_vec()),
        _ => None,
    })
    .await
}

/// Sends one message with a client of its own, and waits until the broker has it.
async fn publish(port: u16, topic: &str, retain: bool, payload: Vec<u8>) {
    let (client, mut events) = AsyncClient::new(options("publisher", port), 10);
    client
        .publish(topic, QoS::AtLeastOnce, retain, payload)
        .await
        .unwrap();
    until(&mut events, |packet| {
        matches!(packet, Packet::PubAck(_)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_happens_unless_somebody_polls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (client, mut events) = AsyncClient::new(options("idle", port), 3);
    for _ in 0..3 {
        client
            .publish("a", QoS::AtMostOnce, false, "1")
            .await
            .unwrap();
    }
    // The channel has room for three. The fourth waits, or is given back.
    let fourth = client.publish("a", QoS::AtMostOnce, false, "4");
    assert!(timeout(NOT_YET, fourth).await.is_err());
    assert!(
        client
            .try_publish("a", QoS::AtMostOnce, false, "4")
            .is_err()
    );
    // Nobody has connected. The poll does.
    assert!(timeout(NOT_YET, listener.accept()).await.is_err());
    let polls = async { while events.poll().await.is_ok() {} };
    tokio::select! {
        () = polls => panic!("it has no answer yet"),
        accepted = timeout(SOON, listener.accept()) => assert!(accepted.is_ok()),
    }
}

/// A loop that goes on polling after an error needs a wait of its own.
#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_at_once_each_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (_client, mut events) = AsyncClient::new(options("alone", port), 3);
    for _ in 0..3 {
        let error = timeout(SOON, events.poll()).await.unwrap().unwrap_err();
        assert!(matches!(error, ConnectionError::Io(_)), "{error}");
    }
}

#[tokio::test]
async fn a_subscriber_gets_the_lower_of_two_qualities() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    for (sent, wanted) in [
        (QoS::AtMostOnce, QoS::AtLeastOnce),
        (QoS::AtLeastOnce, QoS::AtMostOnce),
    ] {
        let (client, mut events) = AsyncClient::new(options("lower", broker.port), 10);
        client.subscribe("a", wanted).await.unwrap();
        until_subscribed(&mut events).await;
        client.publish("a", sent, false, "1").await.unwrap();
        let got = until(&mut events, |packet| match packet {
            Packet::Publish(message) => Some(message.qos),
            _ => None,
        });
        assert_eq!(got.await, QoS::AtMostOnce, "{sent:?} {wanted:?}");
    }
}

#[tokio::test]
async fn a_lost_connection_takes_the_queue_and_the_subscriptions_with_it() {
    let Some(mut broker) = Broker::open().await else {
        return;
    };
    let (client, mut events) = AsyncClient::new(options("loser", broker.port), 10);
    until_connected(&mut events).await;
    client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
    until_subscribed(&mut events).await;
    broker.crash();
    for payload in ["1", "2", "3"] {
        client
            .publish("b", QoS::AtLeastOnce, true, payload)
            .await
            .unwrap();
    }
    // The error moves what is in the channel to `pending`.
    let error = loop {
        if let Err(error) = events.poll().await {
            break error;
        }
    };
    let left = events.pending.len();
    assert_eq!(left, 3, "{error}");
    broker.start_again().await;
    assert!(!until_connected(&mut events).await.session_present);
    assert_eq!(events.pending.len(), 0, "a new session: it is thrown away");

    // And nobody subscribes again.
    publish(broker.port, "a", false, b"unheard".to_vec()).await;
    let heard = next_message(&mut events);
    assert!(timeout(NOT_YET, heard).await.is_err());
    client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
    until_subscribed(&mut events).await;
    publish(broker.port, "a", false, b"heard".to_vec()).await;
    assert_eq!(next_message(&mut events).await, b"heard");
}

/// MQTT 3 has no word for the largest packet that one takes: the client hangs up on it. If the
/// message is retained, it comes again with each subscription.
#[tokio::test]
async fn a_large_message_ends_a_connection_of_version_3_again_and_again() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    publish(broker.port, "a/large", true, vec![b'x'; 20_000]).await;
    let options = rumqttc::MqttOptions::new("three", "127.0.0.1", broker.port);
    let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
    for _ in 0..3 {
        let connected = events.poll().await.unwrap();
        assert!(matches!(
            connected,
            rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(_))
        ));
        client
            .subscribe("a/+", rumqttc::QoS::AtLeastOnce)
            .await
            .unwrap();
        let ended = timeout(SOON, async { while events.poll().await.is_ok() {} });
        ended.await.unwrap();
    }
}

/// MQTT 5 has: the broker keeps it to itself.
#[tokio::test]
async fn a_large_message_does_not_reach_a_client_of_version_5_that_says_its_limit() {
    let Some(broker) = Broker::open().await else {
        return;
    };
    publish(broker.port, "a/large", true, vec![b'x'; 20_000]).await;
    let mut options = options("five", broker.port);
    options.set_max_packet_size(Some(4096));
    let (client, mut events) = AsyncClient::new(options, 10);
    let filter = Filter::new("a/+", QoS::AtLeastOnce);
    client.subscribe_many([filter]).await.unwrap();
    until_subscribed(&mut events).await;
    publish(broker.port, "a/small", false, b"small".to_vec()).await;
    assert_eq!(next_message(&mut events).await, b"small");
}

/// It keeps no time while it writes: whoever needs a limit sets it around `poll`.
#[tokio::test]
async fn a_broker_that_reads_nothing_makes_a_poll_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut connect = [0; 64];
        assert!(socket.read(&mut connect).await.unwrap() > 0);
        // CONNACK: 3 bytes follow; no session, success, no properties.
        socket.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
        socket
    });
    let (client, mut events) = AsyncClient::new(options("patient", port), 10);
    assert_eq!(
        until_connected(&mut events).await.code,
        ConnectReturnCode::Success
    );
    let _socket = broker.await.unwrap();
    let flood = async {
        loop {
            let large = vec![0; 1_000_000];
            client
                .publish("a", QoS::AtMostOnce, false, large)
                .await
                .unwrap();
        }
    };
    // From here on time passes as soon as nobody can go on.
    tokio::time::pause();
    let polls = async {
        // Much longer than the keep-alive of five seconds: no ping, and no error.
        while let Ok(event) = timeout(Duration::from_hours(1), events.poll()).await {
            event.unwrap();
        }
    };
    tokio::select! {
        never = flood => never,
        () = polls => {}
    }
}
