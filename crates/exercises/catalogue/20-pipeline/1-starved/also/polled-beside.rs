// No tasks: the fetches are polled beside the saving, by the loop itself. What has come waits in a
// list, and a fetch begins only when there is room.

use std::collections::VecDeque;
use std::pin::Pin;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;

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
    let mut pages = pages.into_iter();
    let mut fetches = FuturesOrdered::new();
    let mut ready = VecDeque::new();
    let mut saving: Option<Pin<Box<S>>> = None;
    loop {
        if saving.is_none() {
            saving = ready.pop_front().map(|text| Box::pin(save(text)));
        }
        while fetches.len() + ready.len() < 3
            && let Some(page) = pages.next()
        {
            fetches.push_back(fetch(page));
        }
        tokio::select! {
            Some(text) = fetches.next() => match text {
                Ok(text) => ready.push_back(text),
                Err(Lost) => lost += 1,
            },
            // There is one: the condition is asked first.
            () = async { saving.as_mut().unwrap().await }, if saving.is_some() => saving = None,
            else => return lost,
        }
    }
}
