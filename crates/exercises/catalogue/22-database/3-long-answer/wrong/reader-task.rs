// misconception: dropped-handle-cancels

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
    let (sender, mut read) = mpsc::channel(4);
    // It reads while the client is being served, and ends when this function does.
    let reader = tokio::spawn(async move {
        while let Some(row) = rows.try_next().await? {
            if sender.send(row).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    let mut sent = 0;
    loop {
        let row = tokio::select! {
            row = read.recv() => row,
            () = client.closed() => return Err(Failed::Gone),
        };
        let Some(Row { id, title }) = row else {
            // It has dropped its sender.
            return reader.await.unwrap_or(Err(Failed::Broken)).map(|()| sent);
        };
        let line = format!("{id}: {title}");
        client.send(line).await.map_err(|_| Failed::Gone)?;
        sent += 1;
    }
}
