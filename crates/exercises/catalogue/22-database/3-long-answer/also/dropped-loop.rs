// The loop knows nothing of clients that leave. It is dropped when one does, wherever it stands.

use futures::StreamExt as _;
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

async fn send_all(mut rows: Rows, client: &mpsc::Sender<String>) -> Result<usize, Failed> {
    let mut sent = 0;
    while let Some(row) = rows.next().await {
        let Row { id, title } = row?;
        let line = format!("{id}: {title}");
        client.send(line).await.map_err(|_| Failed::Gone)?;
        sent += 1;
    }
    Ok(sent)
}

pub async fn export(rows: Rows, client: mpsc::Sender<String>) -> Result<usize, Failed> {
    tokio::select! {
        result = send_all(rows, &client) => result,
        () = client.closed() => Err(Failed::Gone),
    }
}
