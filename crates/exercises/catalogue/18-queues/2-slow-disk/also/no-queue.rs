// No queue: while one row is saved, the next one is read.

pub async fn copy(mut read: impl AsyncFnMut() -> Option<u32>, mut save: impl AsyncFnMut(u32)) {
    let mut row = read().await;
    while let Some(this) = row {
        ((), row) = tokio::join!(save(this), read());
    }
}
