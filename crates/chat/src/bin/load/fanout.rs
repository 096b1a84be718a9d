//! One message for everyone in a large room.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{self, Event, Reader, Writer};
use crate::server::{Kind, Server, own_cpu};
use crate::table::{self, Table};

const AT_ONCE: usize = 100;

/// How much a client reads at once: some hundred messages.
const BUFFER: usize = 16 * 1024;

/// Nobody waits longer than this for a message.
const LIMIT: Duration = Duration::from_mins(1);

/// A text of a usual length.
const TEXT: &str = "Has anyone seen the blue notebook? It was on the table.";

pub(crate) async fn compare(
    kinds: &[Kind],
    receivers: usize,
    messages: usize,
    rounds: usize,
) -> Result<(), String> {
    let mut at_once = Table::new(format!(
        "{messages} messages at once for {receivers} receivers"
    ));
    let mut one_by_one = Table::new("the same, one after the other".to_owned());
    for &kind in kinds {
        let [first, second] = measure(kind, receivers, messages, rounds).await?;
        at_once.add(kind, first);
        one_by_one.add(kind, second);
    }
    at_once.print();
    one_by_one.print();
    Ok(())
}

/// What all receivers have together.
struct Room {
    receivers: usize,
    /// The message that is waited for.
    target: AtomicU64,
    /// Receivers that have seen it, and all before it.
    arrived: AtomicUsize,
    all_arrived: Notify,
    /// Messages that were delivered, once each and in order.
    delivered: AtomicUsize,
    /// Messages that the server has left out for a reader.
    missed: AtomicU64,
}

impl Room {
    /// One more is where all have to come to.
    fn arrive(&self) {
        if self.arrived.fetch_add(1, SeqCst) + 1 == self.receivers {
            self.all_arrived.notify_one();
        }
    }

    async fn all(&self) -> Result<(), String> {
        let all = timeout(LIMIT, self.all_arrived.notified()).await;
        self.arrived.store(0, SeqCst);
        all.map_err(|_| format!("not all messages have come within {LIMIT:?}"))
    }
}

/// Everything that one receiver does: checks what comes.
async fn receive(mut reader: Reader, room: Arc<Room>) -> Result<(), String> {
    let (mut people, mut last) = (0, 0);
    loop {
        let text = client::next(&mut reader).await?;
        let text = std::str::from_utf8(&text).map_err(|e| e.to_string())?;
        let event = Event::read(text)?;
        match event.kind {
            "said" if event.id == last + 1 => {
                last = event.id;
                room.delivered.fetch_add(1, SeqCst);
            }
            "said" => return Err(format!("message {} follows message {last}", event.id)),
            "missed" => {
                room.missed.fetch_add(event.count, SeqCst);
                last += event.count;
            }
            // The room is complete before anything is said.
            "welcome" | "people" => people = event.people.len(),
            "joined" => people += 1,
            other => return Err(format!("a receiver is told: {other}")),
        }
        let complete = last == 0 && people == room.receivers;
        if complete || (event.kind != "people" && last > 0 && last == room.target.load(SeqCst)) {
            room.arrive();
        }
    }
}

async fn connect(address: SocketAddr, room: &Arc<Room>) -> Result<Writer, String> {
    let join = |number: usize| {
        let room = Arc::clone(room);
        async move {
            let socket = client::join(address, &format!("p{number}"), "fanout", BUFFER).await?;
            let (writer, reader) = socket.split();
            // It reads from now on: who comes later must not find it slow.
            let receiving = tokio::spawn(receive(reader, room));
            Ok::<_, String>((number, writer, receiving))
        }
    };
    let joins = stream::iter((0..room.receivers).map(|number| tokio::spawn(join(number))));
    let mut joins = joins.buffer_unordered(AT_ONCE);
    let mut receivers = JoinSet::new();
    let mut writer = None;
    while let Some(joined) = joins.next().await {
        let (number, its_writer, receiving) = joined.map_err(|error| error.to_string())??;
        receivers.spawn(receiving);
        if number == 0 {
            writer = Some(its_writer);
        }
    }
    // A receiver ends only when something is wrong.
    let report = tokio::spawn(async move {
        while let Some(ended) = receivers.join_next().await {
            if let Ok(Ok(Err(error))) = ended {
                return error;
            }
        }
        "all receivers have ended".to_owned()
    });
    tokio::select! {
        all = room.all() => all?,
        error = report => return Err(error.unwrap_or_else(|error| error.to_string())),
    }
    writer.ok_or_else(|| "nobody can speak".to_owned())
}

/// Says this often, all at once.
async fn say(writer: &mut Writer, times: usize) -> Result<(), String> {
    let text = json!({"type": "say", "text": TEXT}).to_string();
    for _ in 0..times {
        let message = Message::text(text.as_str());
        writer.feed(message).await.map_err(|e| e.to_string())?;
    }
    writer.flush().await.map_err(|e| e.to_string())
}

type Column = Vec<(String, String)>;

async fn measure(
    kind: Kind,
    receivers: usize,
    messages: usize,
    rounds: usize,
) -> Result<[Column; 2], String> {
    let server = Server::start(kind)?;
    let room = Arc::new(Room {
        receivers,
        target: AtomicU64::new(0),
        arrived: AtomicUsize::new(0),
        all_arrived: Notify::new(),
        delivered: AtomicUsize::new(0),
        missed: AtomicU64::new(0),
    });
    let mut writer = connect(server.address, &room).await?;
    let mut round = async |times: usize| {
        let begin = Instant::now();
        room.target.fetch_add(times as u64, SeqCst);
        say(&mut writer, times).await?;
        room.all().await?;
        Ok::<Duration, String>(begin.elapsed())
    };
    // A first round that does not count.
    round(messages).await?;
    let mut columns = [Column::new(), Column::new()];
    for (column, times, rounds) in [(0, messages, rounds), (1, 1, messages)] {
        room.delivered.store(0, SeqCst);
        let (cpu, own, begin) = (server.cpu(), own_cpu(), Instant::now());
        let mut durations = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            durations.push(round(times).await?);
        }
        let (cpu_after, own_after, wall) = (server.cpu(), own_cpu(), begin.elapsed());
        durations.sort_unstable();
        let expected = times * rounds * receivers;
        let delivered = room.delivered.load(SeqCst);
        let what = if column == 0 {
            "until the last has all"
        } else {
            "until the last has it"
        };
        columns[column] = [
            (
                "delivered, in order".to_owned(),
                format!("{delivered} of {expected}"),
            ),
            (
                format!("{what}, median"),
                table::seconds(durations[rounds / 2]),
            ),
            (
                format!("{what}, at worst"),
                table::seconds(durations[rounds - 1]),
            ),
            (
                "server CPU per delivery".to_owned(),
                table::microseconds_each(cpu, cpu_after, expected),
            ),
            (
                "cores that the server kept busy".to_owned(),
                table::cores(cpu, cpu_after, wall),
            ),
            (
                "cores that this program kept busy".to_owned(),
                table::cores(own, own_after, wall),
            ),
        ]
        .into();
    }
    let missed = room.missed.load(SeqCst);
    if missed > 0 {
        println!(
            "{}: {missed} messages were left out for slow readers",
            kind.name()
        );
    }
    Ok(columns)
}
