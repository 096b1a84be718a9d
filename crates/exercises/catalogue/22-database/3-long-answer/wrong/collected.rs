// misconception: all-rows-fit

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

pub async fn export(rows: Rows, client: mpsc::Sender<String>) -> Result<usize, Failed> {
    // The connection is free again before the first line is sent.
    let rows: Vec<Row> = tokio::select! {
        rows = rows.try_collect() => rows?,
        () = client.closed() => return Err(Failed::Gone),
    };
    let count = rows.len();
    for Row { id, title } in rows {
        let line = format!("{id}: {title}");
        client.send(line).await.map_err(|_| Failed::Gone)?;
    }
    Ok(count)
}
