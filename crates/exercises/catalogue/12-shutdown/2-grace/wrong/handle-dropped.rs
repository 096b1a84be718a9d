// misconception: dropped-handle-cancels

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
    for upload in uploads {
        match timeout_at(deadline, upload.task).await {
            Ok(Ok(())) => report.done.push(upload.file),
            Ok(Err(_)) => report.failed.push(upload.file),
            Err(_) => report.cut.push(upload.file),
        }
    }
    report
}
