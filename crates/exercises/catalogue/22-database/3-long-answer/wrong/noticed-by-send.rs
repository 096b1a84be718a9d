// misconception: a-send-notices-who-left

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
    while let Some(Row { id, title }) = rows.try_next().await? {
        let line = format!("{id}: {title}");
        // An error when the client has left.
        client.send(line).await.map_err(|_| Failed::Gone)?;
        sent += 1;
    }
    Ok(sent)
}
