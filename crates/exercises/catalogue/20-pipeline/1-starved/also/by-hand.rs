// A queue of tasks, and none is begun before there is room.

use std::collections::VecDeque;

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
    let mut tasks: VecDeque<_> = pages
        .by_ref()
        .take(3)
        .map(|page| tokio::spawn(fetch(page)))
        .collect();
    while let Some(task) = tasks.pop_front() {
        let text = task.await;
        match text {
            Ok(Ok(text)) => save(text).await,
            Ok(Err(Lost)) | Err(_) => lost += 1,
        }
        tasks.extend(pages.next().map(|page| tokio::spawn(fetch(page))));
    }
    lost
}
