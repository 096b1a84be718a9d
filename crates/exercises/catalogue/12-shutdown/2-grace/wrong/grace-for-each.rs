// misconception: a-limit-for-each-step-limits-all

use std::time::Duration;

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
    let mut report = Report::default();
    for mut upload in uploads {
        match timeout(grace, &mut upload.task).await {
            Ok(Ok(())) => report.done.push(upload.file),
            Ok(Err(_)) => report.failed.push(upload.file),
            Err(_) => {
                upload.task.abort();
                let _ = upload.task.await;
                report.cut.push(upload.file);
            }
        }
    }
    report
}
