//! Connections that are open and silent.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::{self, Event, Socket};
use crate::server::{Kind, Server};
use crate::table::{self, Table};

/// People of a room. With all in one room, the lists of who is here would be what is measured.
const ROOM: usize = 10;

/// So many connect at the same time: fewer than wait in the queue of the system.
const AT_ONCE: usize = 100;

/// How much a client reads at once. There is next to nothing to read.
const BUFFER: usize = 256;

pub(crate) async fn compare(kinds: &[Kind], connections: usize) -> Result<(), String> {
    let mut table = Table::new(format!("{connections} idle connections, {ROOM} in a room"));
    for &kind in kinds {
        table.add(kind, measure(kind, connections).await?);
    }
    table.print();
    Ok(())
}

async fn measure(kind: Kind, connections: usize) -> Result<Vec<(String, String)>, String> {
    let server = Server::start(kind)?;
    // A first round that does not count: what is loaded or allocated once.
    drop(connect(server.address, connections.min(ROOM), "warm").await?);
    settle().await;
    let (before, cpu, begin) = (server.memory(), server.cpu(), Instant::now());
    let sockets = connect(server.address, connections, "idle").await?;
    let (elapsed, cpu_after) = (begin.elapsed(), server.cpu());
    settle().await;
    let after = server.memory();
    // They must all be there still: somebody could have been sent away.
    let mut open = JoinSet::new();
    for mut socket in sockets {
        open.spawn(async move {
            tokio::time::timeout(Duration::ZERO, ends(&mut socket))
                .await
                .is_err()
        });
    }
    let open = open
        .join_all()
        .await
        .into_iter()
        .filter(|open| *open)
        .count();
    let cells = [
        (
            "connections still open".to_owned(),
            format!("{open} of {connections}"),
        ),
        ("memory without them".to_owned(), table::megabytes(before)),
        ("memory with them".to_owned(), table::megabytes(after)),
        (
            "memory per connection".to_owned(),
            table::kilobytes_each(before, after, connections),
        ),
        ("until all have joined".to_owned(), table::seconds(elapsed)),
        (
            "server CPU per join".to_owned(),
            table::microseconds_each(cpu, cpu_after, connections),
        ),
    ];
    Ok(cells.into())
}

/// Completes when the connection does. What comes before is left out.
async fn ends(socket: &mut Socket) {
    while client::next(socket).await.is_ok() {}
}

/// So many that have been welcomed.
async fn connect(
    address: SocketAddr,
    number: usize,
    room: &'static str,
) -> Result<Vec<Socket>, String> {
    let join = |number: usize| async move {
        let room = format!("{room}-{}", number / ROOM);
        let mut socket = client::join(address, &format!("p{number}"), &room, BUFFER).await?;
        let text = client::next(&mut socket).await?;
        let text = std::str::from_utf8(&text).map_err(|e| e.to_string())?;
        match Event::read(text)?.kind {
            "welcome" => Ok(socket),
            _ => Err(format!("no welcome, but {text:.100}")),
        }
    };
    // Spawned: on one task, one core would do the work of all these clients.
    let tasks = stream::iter((0..number).map(|number| tokio::spawn(join(number))));
    let mut sockets = Vec::with_capacity(number);
    let mut tasks = tasks.buffer_unordered(AT_ONCE);
    while let Some(joined) = tasks.next().await {
        sockets.push(joined.map_err(|error| error.to_string())??);
    }
    Ok(sockets)
}

/// Until what has just happened is told to all and put away.
async fn settle() {
    sleep(Duration::from_secs(1)).await;
}
