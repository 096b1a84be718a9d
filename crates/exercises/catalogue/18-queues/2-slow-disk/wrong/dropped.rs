// misconception: full-may-be-dropped

use tokio::sync::mpsc;

/// `read` gives the next row, until there are none; a tenth of a second is usual. `save` writes a
/// row to the disk; a second is usual, more when others use it.
pub async fn copy(mut read: impl AsyncFnMut() -> Option<u32>, mut save: impl AsyncFnMut(u32)) {
    let (sender, mut receiver) = mpsc::channel(10);
    let reading = async move {
        while let Some(row) = read().await {
            // Does not wait when the queue is full.
            let _ = sender.try_send(row);
        }
    };
    let saving = async {
        while let Some(row) = receiver.recv().await {
            save(row).await;
        }
    };
    tokio::join!(reading, saving);
}
