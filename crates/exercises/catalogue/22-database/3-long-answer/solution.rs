// A row is asked for when the one before it has found room. While the database thinks, `closed` waits
// beside it; while the client is slow, `send` hears that he has left.

use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

pub struct Row {
    pub id: u32,
    pub title: String,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    /// The database broke its answer off.
    Broken,
    /// The client has left.
    Gone,
}

/// The answer to a query, row by row. It has the connection for as long as it lives.
pub type Rows = BoxStream<'static, Result<Row, Failed>>;

pub async fn export(mut rows: Rows, client: mpsc::Sender<String>) -> Result<usize, Failed> {
    let mut sent = 0;
    loop {
        let row = tokio::select! {
            row = rows.try_next() => row?,
            () = client.closed() => return Err(Failed::Gone),
        };
        let Some(Row { id, title }) = row else {
            return Ok(sent);
        };
        let line = format!("{id}: {title}");
        client.send(line).await.map_err(|_| Failed::Gone)?;
        sent += 1;
    }
}
