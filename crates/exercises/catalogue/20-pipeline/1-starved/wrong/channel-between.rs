// misconception: a-channel-lets-it-run

use std::pin::pin;

use futures::{StreamExt as _, stream};
use tokio::sync::mpsc;

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
    let (sender, mut receiver) = mpsc::channel(1);
    let fetches = stream::iter(pages).map(fetch);
    let reading = async move {
        let mut texts = pin!(fetches.buffered(2));
        while let Some(text) = texts.next().await {
            let _ = sender.send(text).await;
        }
    };
    let writing = async {
        while let Some(text) = receiver.recv().await {
            match text {
                Ok(text) => save(text).await,
                Err(Lost) => lost += 1,
            }
        }
    };
    tokio::join!(reading, writing);
    lost
}
