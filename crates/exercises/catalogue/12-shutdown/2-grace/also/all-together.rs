// All handles in one future. It is asked again after the abort, and then it is ready.

use std::pin::pin;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;

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
    let cuts: Vec<_> = uploads.iter().map(|one| one.task.abort_handle()).collect();
    let ends = join_all(
        uploads
            .into_iter()
            .map(async |one| (one.file, one.task.await)),
    );
    let mut ends = pin!(ends);
    let ends = match timeout(grace, &mut ends).await {
        Ok(ends) => ends,
        Err(_) => {
            for cut in cuts {
                cut.abort();
            }
            ends.await
        }
    };
    let mut report = Report::default();
    for (file, end) in ends {
        let list = match end {
            Ok(()) => &mut report.done,
            Err(error) if error.is_panic() => &mut report.failed,
            Err(_) => &mut report.cut,
        };
        list.push(file);
    }
    report
}
