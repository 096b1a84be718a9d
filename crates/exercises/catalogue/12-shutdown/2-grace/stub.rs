// Five more seconds                                     complete, chapter 12-shutdown
//
// The program was asked to stop, and some uploads are under way, each in a task. `finish` gives
// all of them together `grace`, and cuts those that are not done by then. It returns when no
// upload runs any more; that may be sooner. Each file is in one list of the report: it is done,
// or it has failed by itself (its task panicked), or it was cut. The order does not matter.

use std::time::Duration;

use tokio::task::JoinHandle;

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
    todo!("finish {} uploads within {grace:?}", uploads.len())
}
