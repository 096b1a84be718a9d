// misconception: a-pause-is-back-pressure

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

/// `read` gives the next row, until there are none; a tenth of a second is usual. `save` writes a
/// row to the disk; a second is usual, more when others use it.
pub async fn copy(mut read: impl AsyncFnMut() -> Option<u32>, mut save: impl AsyncFnMut(u32)) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let reading = async move {
        while let Some(row) = read().await {
            if sender.send(row).is_err() {
                return;
            }
            // As long as it takes to save a row.
            sleep(Duration::from_secs(1)).await;
        }
    };
    let saving = async {
        while let Some(row) = receiver.recv().await {
            save(row).await;
        }
    };
    tokio::join!(reading, saving);
}
