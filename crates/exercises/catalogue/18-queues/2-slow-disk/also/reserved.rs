// The place first, and then the row for it: not even one row waits in the hands of the reader.

use tokio::sync::mpsc;

/// `read` gives the next row, until there are none; a tenth of a second is usual. `save` writes a
/// row to the disk; a second is usual, more when others use it.
pub async fn copy(mut read: impl AsyncFnMut() -> Option<u32>, mut save: impl AsyncFnMut(u32)) {
    let (sender, mut receiver) = mpsc::channel(10);
    let reading = async move {
        while let Ok(place) = sender.reserve().await {
            let Some(row) = read().await else { return };
            place.send(row);
        }
    };
    let saving = async {
        while let Some(row) = receiver.recv().await {
            save(row).await;
        }
    };
    tokio::join!(reading, saving);
}
