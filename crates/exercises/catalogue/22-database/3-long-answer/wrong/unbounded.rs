// misconception: a-queue-absorbs-it

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
    // So that a slow client does not keep the connection for long.
    let (sender, mut read) = mpsc::unbounded_channel();
    let reader = async move {
        while let Some(Row { id, title }) = rows.try_next().await? {
            if sender.send(format!("{id}: {title}")).is_err() {
                break;
            }
        }
        Ok(())
    };
    let writer = async {
        let mut sent = 0;
        while let Some(line) = read.recv().await {
            client.send(line).await.map_err(|_| Failed::Gone)?;
            sent += 1;
        }
        Ok(sent)
    };
    tokio::select! {
        result = async { tokio::try_join!(reader, writer) } => result.map(|((), sent)| sent),
        () = client.closed() => Err(Failed::Gone),
    }
}
