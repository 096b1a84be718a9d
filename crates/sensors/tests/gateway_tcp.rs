//! The gateway over real sockets: what pipes in memory do not have.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use peer::reading;
use sensors::{Gateway, Options, Totals};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long something may take on a machine under load.
const LONG: Duration = Duration::from_secs(20);

struct Running {
    gateway: Gateway,
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<Totals>,
}

fn start(options: Options) -> Running {
    let listener = sensors::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = Gateway::new(options);
    let stop = CancellationToken::new();
    let served = tokio::spawn({
        let (gateway, stop) = (gateway.clone(), stop.clone());
        async move { sensors::serve(listener, &gateway, stop.cancelled()).await }
    });
    Running {
        gateway,
        address,
        stop,
        served,
    }
}

impl Running {
    async fn hello(&self, id: &str) -> BufReader<TcpStream> {
        let mut stream = BufReader::new(TcpStream::connect(self.address).await.unwrap());
        let hello = json!({"hello": id}).to_string() + "\n";
        stream.write_all(hello.as_bytes()).await.unwrap();
        let welcome = next(&mut stream).await.unwrap();
        assert_eq!(welcome["welcome"], id);
        stream
    }

    /// Waits until this holds.
    async fn until(&self, holds: impl Fn(&Totals) -> bool) {
        let waiting = async {
            while !holds(&self.gateway.totals()) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = timeout(LONG, waiting).await;
        assert!(waited.is_ok(), "{:?}", self.gateway.totals());
    }
}

/// The next line, `None` at the end. A connection that is reset is an error.
async fn next(stream: &mut BufReader<TcpStream>) -> Option<Value> {
    let mut line = String::new();
    let read = timeout(LONG, stream.read_line(&mut line)).await;
    (read.unwrap().unwrap() > 0).then(|| serde_json::from_str(&line).unwrap())
}

#[tokio::test]
async fn everything_that_was_sent_before_the_end_is_counted() {
    let running = start(Options::default());
    let mut stream = running.hello("pump-1").await;
    let lines = format!("{}\n", reading("level", 1.0)).repeat(50);
    stream.write_all(lines.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // The gateway closes when it has taken all: whoever sees that knows that nothing was lost.
    assert_eq!(next(&mut stream).await, None);
    let totals = running.gateway.totals();
    assert_eq!((totals.readings, totals.dropped, totals.online), (50, 0, 0));
}

#[tokio::test]
async fn the_reason_arrives_although_the_device_writes_on() {
    let running = start(Options::default());
    let mut stream = running.hello("pump-1").await;
    // The gateway closes after three of these lines. What it has not read then would make the
    // system reset the connection. It reads on for a hundred lines; here are fewer.
    let lines = "garbage\n".repeat(50);
    stream.write_all(lines.as_bytes()).await.unwrap();
    running.until(|totals| totals.online == 0).await;
    for _ in 0..10 {
        sleep(Duration::from_millis(1)).await;
        stream.write_all(b"more\n").await.unwrap();
    }
    let mut last = Value::Null;
    while let Some(line) = next(&mut stream).await {
        last = line;
    }
    assert_eq!(last, json!({"bye": "three bad lines in a row"}));
}

#[tokio::test]
async fn a_connection_that_is_reset_takes_nobody_along() {
    let running = start(Options::default());
    let mut stays = running.hello("stays").await;
    let goes = running.hello("goes").await.into_inner();
    running.until(|totals| totals.online == 2).await;
    // The end of a process that crashes, on some systems.
    goes.set_zero_linger().unwrap();
    drop(goes);
    running.until(|totals| totals.online == 1).await;
    let line = format!("{}\n", reading("level", 1.0));
    stays.write_all(line.as_bytes()).await.unwrap();
    running.until(|totals| totals.readings == 1).await;
}

#[tokio::test]
async fn it_stops_although_devices_do_not() {
    let running = start(Options::default());
    let mut polite = running.hello("polite").await;
    let _rude = running.hello("rude").await;
    let _silent = TcpStream::connect(running.address).await.unwrap();
    running.until(|totals| totals.connections == 3).await;
    running.stop.cancel();
    let bye = json!({"bye": "the gateway stops"});
    assert_eq!(next(&mut polite).await, Some(bye));
    assert_eq!(next(&mut polite).await, None);
    drop(polite);
    let totals = timeout(LONG, running.served).await.unwrap().unwrap();
    assert_eq!(
        (totals.connections, totals.online, totals.offline),
        (0, 0, 2)
    );
    let stopped = timeout(LONG, running.gateway.stopped()).await;
    assert!(stopped.is_ok());
    assert!(
        TcpStream::connect(running.address).await.is_err(),
        "nobody listens"
    );
}

#[tokio::test]
async fn dropped_it_closes_everything() {
    let running = start(Options::default());
    let mut stream = running.hello("pump-1").await;
    running.served.abort();
    assert_eq!(next(&mut stream).await, None);
    running
        .until(|totals| totals.connections == 0 && totals.online == 0)
        .await;
}

/// 300 devices at once, each of which connects, sends, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn many_come_and_go_at_once() {
    let running = start(Options::default());
    let devices = (0..300).map(|id| {
        let running = &running;
        async move {
            let mut stream = running.hello(&format!("pump-{id}")).await;
            for value in 0..10_u8 {
                let line = format!("{}\n", reading("level", f64::from(value)));
                stream.write_all(line.as_bytes()).await.unwrap();
            }
            stream.shutdown().await.unwrap();
            assert_eq!(next(&mut stream).await, None);
        }
    });
    futures::future::join_all(devices).await;
    let snapshot = running.gateway.snapshot();
    assert_eq!(snapshot.devices.len(), 300);
    assert!(snapshot.devices.iter().all(|device| device.readings == 10));
    assert_eq!(snapshot.totals.readings, 3000);
}
