// misconception: streams-run-by-themselves

use std::pin::pin;

use futures::{StreamExt as _, stream};
use tokio::task::yield_now;

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
    let mut texts = pin!(stream::iter(pages).map(fetch).buffered(3));
    while let Some(text) = texts.next().await {
        match text {
            Ok(text) => {
                // Lets the others have their turn.
                yield_now().await;
                save(text).await;
                yield_now().await;
            }
            Err(Lost) => lost += 1,
        }
    }
    lost
}
