use std::panic;
use std::time::Duration;

use exercises::{Log, check, same, seconds, took, wrong};
use tokio::time::sleep;

use super::exercise::{Report, Upload, finish};

/// Closes the file on every way out.
struct Open(u32, Log);

impl Drop for Open {
    fn drop(&mut self) {
        self.1.add(format_args!("file {} closed", self.0));
    }
}

fn upload(file: u32, seconds: u64, log: &Log) -> Upload {
    let log = log.clone();
    let task = tokio::spawn(async move {
        let _open = Open(file, log.clone());
        sleep(Duration::from_secs(seconds)).await;
        log.add(format_args!("file {file} stored"));
    });
    Upload { file, task }
}

fn failing(file: u32, seconds: u64) -> Upload {
    let task = tokio::spawn(async move {
        sleep(Duration::from_secs(seconds)).await;
        // A panic without its message.
        panic::resume_unwind(Box::new("the disk is full"));
    });
    Upload { file, task }
}

fn lists(mut report: Report) -> [Vec<u32>; 3] {
    report.done.sort_unstable();
    report.failed.sort_unstable();
    report.cut.sort_unstable();
    [report.done, report.failed, report.cut]
}

const GRACE: Duration = Duration::from_secs(5);

#[test]
fn all_uploads_share_one_grace() {
    check(async {
        let log = Log::new();
        let uploads = [(1, 4), (2, 8), (3, 60)];
        let uploads = uploads.map(|(file, seconds)| upload(file, seconds, &log));
        let (report, time) = took(finish(uploads.into(), GRACE)).await;
        if time > GRACE {
            wrong(
                "a-limit-for-each-step-limits-all",
                format!(
                    "The grace was 5.0 s, and `finish` took {}: the uploads had it one after the \
                     other.",
                    seconds(time)
                ),
            );
        }
        same("the time", seconds(time), "5.0 s");
        let [done, failed, cut] = lists(report);
        same("done", done, [1]);
        same("failed", failed, [0; 0]);
        same("cut", cut, [2, 3]);
    });
}

#[test]
fn when_all_are_done_sooner_it_ends_sooner() {
    check(async {
        let log = Log::new();
        let uploads = [(7, 2), (8, 1)].map(|(file, seconds)| upload(file, seconds, &log));
        let (report, time) = took(finish(uploads.into(), Duration::from_secs(60))).await;
        same(
            "the time of uploads that need 2 s and 1 s, with a grace of 60 s",
            seconds(time),
            "2.0 s",
        );
        same("done", lists(report)[0].clone(), [7, 8]);
        let (report, time) = took(finish(Vec::new(), GRACE)).await;
        same("the time of no uploads", seconds(time), "0.0 s");
        same("the lists", lists(report).concat(), [0; 0]);
    });
}

#[test]
fn what_was_cut_has_ended() {
    check(async {
        let log = Log::new();
        let uploads = [(1, 4), (2, 60)].map(|(file, seconds)| upload(file, seconds, &log));
        let report = finish(uploads.into(), GRACE).await;
        let at_the_return = log.lines();
        same("cut", report.cut, [2]);
        sleep(Duration::from_secs(3600)).await;
        if log.lines().contains(&"file 2 stored".to_owned()) {
            wrong(
                "dropped-handle-cancels",
                "File 2 is reported as cut after 5.0 s, and was stored after 60.0 s: its task has \
                 gone on.",
            );
        }
        if !at_the_return.contains(&"file 2 closed".to_owned()) {
            wrong(
                "cancelled-means-ended",
                "When `finish` returned, the task of file 2 had been told to end and had not ended: \
                 its file was still open.",
            );
        }
    });
}

#[test]
fn what_fails_by_itself_was_not_cut() {
    check(async {
        let log = Log::new();
        let uploads = vec![failing(1, 1), upload(2, 2, &log), failing(3, 60)];
        let [done, failed, cut] = lists(finish(uploads, GRACE).await);
        if cut.contains(&1) || done.contains(&1) {
            let list = if done.contains(&1) { "done" } else { "cut" };
            wrong(
                "join-error-means-cancelled",
                format!("The task of file 1 panicked after 1.0 s. The report calls it {list}."),
            );
        }
        same("done", done, [2]);
        same("failed", failed, [1]);
        same("cut", cut, [3]);
    });
}

#[test]
fn what_is_done_is_done_also_without_any_grace() {
    check(async {
        let log = Log::new();
        let uploads = [(1, 60), (2, 1)].map(|(file, seconds)| upload(file, seconds, &log));
        sleep(Duration::from_secs(2)).await;
        let [done, _, cut] = lists(finish(uploads.into(), Duration::ZERO).await);
        same("done", done, [2]);
        same("cut", cut, [1]);
    });
}
