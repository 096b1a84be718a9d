// In the order in which they end: a set of futures and one timer.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub struct Upload {
    pub file: u32,
    pub task: JoinHandle<()>,
}

/// The numbers of the files.
#[derive(Debug, Default)]
pub struct Report {
    pub done: Vec<u32>,
    pub failed: Vec<u32>,
    pub cut: Vec<u32>,
}

pub async fn finish(uploads: Vec<Upload>, grace: Duration) -> Report {
    let mut time_is_over = pin!(sleep(grace));
    let cuts: Vec<_> = uploads.iter().map(|one| one.task.abort_handle()).collect();
    let mut ends: FuturesUnordered<_> = uploads
        .into_iter()
        .map(async |one| (one.file, one.task.await))
        .collect();
    let mut is_over = false;
    let mut report = Report::default();
    loop {
        tokio::select! {
            end = ends.next() => match end {
                None => return report,
                Some((file, Ok(()))) => report.done.push(file),
                Some((file, Err(error))) if error.is_cancelled() => report.cut.push(file),
                Some((file, Err(_))) => report.failed.push(file),
            },
            () = &mut time_is_over, if !is_over => {
                is_over = true;
                for cut in &cuts {
                    cut.abort();
                }
            }
        }
    }
}
