// One deadline for all. A handle that is only borrowed is not dropped when the time is over: it can
// be aborted, and then awaited, and what it gives then is what has become of the upload.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

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
    let deadline = Instant::now() + grace;
    let mut report = Report::default();
    for mut upload in uploads {
        let result = match timeout_at(deadline, &mut upload.task).await {
            Ok(result) => result,
            Err(_) => {
                upload.task.abort();
                upload.task.await
            }
        };
        match result {
            Ok(()) => report.done.push(upload.file),
            Err(error) if error.is_cancelled() => report.cut.push(upload.file),
            Err(_) => report.failed.push(upload.file),
        }
    }
    report
}
