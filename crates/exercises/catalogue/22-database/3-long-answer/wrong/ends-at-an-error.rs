// misconception: no-more-rows-is-the-end

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

pub async fn export(mut rows: Rows, client: mpsc::Sender<String>) -> Result<usize, Failed> {
    let mut sent = 0;
    let send_all = async {
        while let Some(Ok(Row { id, title })) = rows.next().await {
            let line = format!("{id}: {title}");
            client.send(line).await.map_err(|_| Failed::Gone)?;
            sent += 1;
        }
        Ok(sent)
    };
    tokio::select! {
        result = send_all => result,
        () = client.closed() => Err(Failed::Gone),
    }
}
