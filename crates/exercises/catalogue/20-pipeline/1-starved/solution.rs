// What lies in the buffer are handles. The fetches are tasks, and the runtime polls them while the
// loop saves. The buffer still counts them, and keeps their order.

use std::pin::pin;

use futures::{StreamExt as _, stream};

/// No answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// How many pages were lost. `fetch` gives up after a while, and that is how a page is lost.
pub async fn copy<F, S>(
    pages: Vec<u32>,
    fetch: impl Fn(u32) -> F,
    save: impl Fn(String) -> S,
) -> usize
where
    F: Future<Output = Result<String, Lost>> + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let mut lost = 0;
    let fetches = stream::iter(pages).map(|page| tokio::spawn(fetch(page)));
    let mut texts = pin!(fetches.buffered(3));
    while let Some(text) = texts.next().await {
        match text {
            Ok(Ok(text)) => save(text).await,
            // Without an answer, or in a panic.
            Ok(Err(Lost)) | Err(_) => lost += 1,
        }
    }
    lost
}
