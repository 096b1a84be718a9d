// First a place for the line, then the row: no row waits in a variable.

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
        let place = client.reserve().await.map_err(|_| Failed::Gone)?;
        let row = tokio::select! {
            row = rows.try_next() => row?,
            () = client.closed() => return Err(Failed::Gone),
        };
        match row {
            Some(Row { id, title }) => place.send(format!("{id}: {title}")),
            None => return Ok(sent),
        }
        sent += 1;
    }
}
