//! The connection to the broker, made again whenever it is lost.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::{Stream, stream};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, LastWill, Packet, Publish};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Request};
use tokio::time::{Instant, sleep, timeout};

use super::{Broker, GATEWAY_STATUS};

/// How many messages may wait for the broker. What finds no place is dropped by whoever sends it.
pub(super) const QUEUE: usize = 1024;

/// The broker hears of us at least this often; that is also how it notices that we are gone.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Something happens on a good connection within a keep-alive: a ping, at least. This much longer,
/// and the connection is not good: rumqttc has no limit of its own while it writes, so a broker that
/// reads nothing would hold it as long as that lasts: its system still answers for it.
const MARGIN: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// We say to the broker that we take nothing larger. Without it, one large message on a topic of
/// ours would end the connection, and a retained one would end each connection that follows.
const LARGEST: u32 = 4096;

/// What happens between us and the broker.
pub(super) enum Happened {
    /// There is a connection, and this is the way to send on it.
    Up(AsyncClient),
    /// A message has come.
    Message(Publish),
    /// The connection is lost, or could not be made.
    Down {
        why: String,
        /// Readings that were in the queue.
        lost: u64,
        /// Whether the broker said no to us, which another attempt will not change.
        refused: bool,
    },
}

/// Connects, and connects again. The items are what happens, in order.
///
/// `next` of a stream is cancel safe, because the stream keeps what it has begun. `EventLoop::poll`
/// in a `select!` would not be: dropped while it connects, it begins to connect anew.
pub(super) fn connect(broker: Broker) -> impl Stream<Item = Happened> {
    let link = Link {
        broker,
        connection: None,
        wait: None,
    };
    stream::unfold(link, |mut link| async move {
        let happened = link.next().await;
        Some((happened, link))
    })
}

struct Link {
    broker: Broker,
    connection: Option<Connection>,
    /// How long to wait before the next attempt.
    wait: Option<Duration>,
}

struct Connection {
    client: AsyncClient,
    events: EventLoop,
    up: Option<Instant>,
}

impl Link {
    async fn next(&mut self) -> Happened {
        if self.connection.is_none()
            && let Some(wait) = self.wait
        {
            // Many gateways lose the same broker at one moment, and must not come back at one.
            sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
        let broker = &self.broker;
        let connection = self
            .connection
            .get_or_insert_with(|| Connection::new(broker));
        loop {
            match connection.happens().await {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(happened) => {
                    if matches!(happened, Happened::Down { .. }) {
                        self.down();
                    }
                    return happened;
                }
            }
        }
    }

    /// The next attempt has a client of its own: the old one would keep what was in its queue, and
    /// send it when it is old.
    fn down(&mut self) {
        let stood = self.connection.take().and_then(|connection| connection.up);
        let stood = stood.is_some_and(|up| up.elapsed() > LONGEST_WAIT);
        self.wait = match self.wait {
            Some(wait) if !stood => Some(LONGEST_WAIT.min(wait * 2)),
            _ => Some(FIRST_WAIT),
        };
    }
}

impl Connection {
    fn new(broker: &Broker) -> Self {
        // Two clients of one id would throw each other out, for ever.
        let id = format!("sensors-{:016x}", fastrand::u64(..));
        let mut options = MqttOptions::new(id, &broker.host, broker.port);
        let will = LastWill::new(GATEWAY_STATUS, "offline", QoS::AtLeastOnce, true, None);
        options
            .set_keep_alive(KEEP_ALIVE)
            .set_clean_start(true)
            .set_max_packet_size(Some(LARGEST))
            .set_outgoing_inflight_upper_limit(32)
            .set_last_will(will);
        if let Some((user, password)) = &broker.login {
            options.set_credentials(user, password);
        }
        let (client, events) = AsyncClient::new(options, QUEUE);
        Self {
            client,
            events,
            up: None,
        }
    }

    async fn happens(&mut self) -> ControlFlow<Happened> {
        // The broker may ask for another keep-alive than ours.
        let silence = self.events.options.keep_alive() + MARGIN;
        let error = match timeout(silence, self.events.poll()).await {
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                self.up = Some(Instant::now());
                return ControlFlow::Break(Happened::Up(self.client.clone()));
            }
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                return ControlFlow::Break(Happened::Message(message));
            }
            Ok(Ok(_)) => return ControlFlow::Continue(()),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let refused = matches!(
            error,
            Some(ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword
                    | ConnectReturnCode::NotAuthorized
                    | ConnectReturnCode::Banned
            ))
        );
        let why = error.map_or_else(
            || format!("it takes nothing for {} s", silence.as_secs()),
            |error| error.to_string(),
        );
        // Moves what is in the queue to `pending`.
        self.events.clean();
        let reading = |request: &&Request| matches!(request, Request::Publish(message) if message.qos == QoS::AtMostOnce);
        let lost = self.events.pending.iter().filter(reading).count();
        ControlFlow::Break(Happened::Down {
            why,
            lost: lost as u64,
            refused,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::StreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn listen() -> (TcpListener, Broker) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        (listener, url.parse().unwrap())
    }

    /// A broker that greets, and then reads nothing more.
    async fn greet(listener: TcpListener) -> TcpStream {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut connect = [0; 256];
        assert!(socket.read(&mut connect).await.unwrap() > 0);
        // CONNACK, of which 3 bytes follow: no session, success, no properties.
        socket.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
        socket
    }

    #[tokio::test]
    async fn a_broker_that_reads_nothing_is_given_up() {
        let (listener, broker) = listen().await;
        let mut link = pin!(connect(broker));
        let (socket, happened) = tokio::join!(greet(listener), link.next());
        let Some(Happened::Up(client)) = happened else {
            panic!("it has greeted us");
        };
        for _ in 0..100 {
            let large = vec![0; 1_000_000];
            client
                .try_publish("a", QoS::AtMostOnce, false, large)
                .unwrap();
        }
        // From here on time passes as soon as nobody can go on.
        tokio::time::pause();
        let begin = Instant::now();
        let Some(Happened::Down { why, lost, refused }) = link.next().await else {
            panic!("it reads nothing");
        };
        assert_eq!(why, "it takes nothing for 15 s");
        assert_eq!(begin.elapsed().as_secs(), 15);
        assert!(
            (50..100).contains(&lost),
            "the rest was in TCP's buffers: {lost}"
        );
        assert!(!refused);
        drop(socket);
    }

    /// The first wait is short, the last ones are half a minute, and no two are alike.
    // On Windows the system itself tries again for two seconds, which in virtual time is longer.
    #[cfg(not(windows))]
    #[tokio::test(start_paused = true)]
    async fn attempts_become_rare() {
        let (listener, broker) = listen().await;
        drop(listener);
        let mut link = pin!(connect(broker));
        let mut waits = Vec::new();
        for _ in 0..12 {
            let begin = Instant::now();
            assert!(matches!(link.next().await, Some(Happened::Down { .. })));
            waits.push(begin.elapsed().as_secs_f64());
        }
        assert!(
            waits[0] < 0.1 && (0.1..=0.3).contains(&waits[1]),
            "{waits:?}"
        );
        assert!(
            waits[9..].iter().all(|wait| (15.0..=30.1).contains(wait)),
            "{waits:?}"
        );
        let jitter = (waits[9] - waits[10]).abs() + (waits[10] - waits[11]).abs();
        assert!(jitter > 0.0, "{waits:?}");
    }
}
