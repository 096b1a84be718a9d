// A slow disk                                        fix, chapter 18-queues
//
// `copy` reads rows and saves them. Reading is ten times as fast, and all that is read and not yet
// saved lies in memory: with a million rows, the memory is full. Mend it: no more than ten rows
// wait in the queue, however slow the disk is. Reading and saving still overlap, every row is
// saved, in order, and the disk never waits while there are rows to be saved.

use tokio::sync::mpsc;

/// `read` gives the next row, until there are none; a tenth of a second is usual. `save` writes a
/// row to the disk; a second is usual, more when others use it.
pub async fn copy(mut read: impl AsyncFnMut() -> Option<u32>, mut save: impl AsyncFnMut(u32)) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let reading = async move {
        while let Some(row) = read().await {
            if sender.send(row).is_err() {
                return;
            }
        }
    };
    let saving = async {
        while let Some(row) = receiver.recv().await {
            save(row).await;
        }
    };
    tokio::join!(reading, saving);
}
