// Starved                                                      fix, chapter 20-pipeline
//
// `copy` fetches pages, three at a time, and saves them one after the other in the order of the
// list. The server answers each page in time, and still pages are lost as soon as `save` is slow.
// Mend it, so that none is. There are never more than three pages that are being fetched or wait to
// be saved, and never more than one that is being saved.

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
    let mut texts = pin!(stream::iter(pages).map(fetch).buffered(3));
    while let Some(text) = texts.next().await {
        match text {
            Ok(text) => save(text).await,
            Err(Lost) => lost += 1,
        }
    }
    lost
}
