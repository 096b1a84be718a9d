//! Work for processors, on rayon's threads.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use tokio::sync::oneshot;

/// The job panicked. Its caller did not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job panicked: {0}")]
pub struct JobPanicked(String);

/// Runs `job` on a thread of rayon's pool, and lets the caller's thread go until it is done.
///
/// The pool has a thread for each processor. What is more than that waits in its queue, so many
/// computations at once take no processor away from the tasks' own thread for longer than the
/// operating system sees fit.
///
/// The job is given a function that says whether its caller has gone. A job that takes long asks
/// now and then, and returns early: nobody can stop it from outside.
///
/// # Errors
///
/// [`JobPanicked`], if the job panics.
///
/// # Cancel safety
///
/// The job starts at the first poll. If the future is dropped after that, the job runs on, and its
/// result is dropped.
pub async fn compute<T, F>(job: F) -> Result<T, JobPanicked>
where
    T: Send + 'static,
    F: FnOnce(&(dyn Fn() -> bool + Sync)) -> T + Send + 'static,
{
    let (answer, result) = oneshot::channel();
    rayon::spawn(move || {
        // A panic that reaches rayon ends the whole process.
        let result = panic::catch_unwind(AssertUnwindSafe(|| job(&|| answer.is_closed())));
        // If the caller has gone, nobody wants it.
        let _ = answer.send(result);
    });
    match result.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(panic)) => Err(JobPanicked(message(&*panic))),
        Err(_) => Err(JobPanicked("its result was lost".to_owned())),
    }
}

/// What was said to `panic!`.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::*;

    /// For what must happen: a test that waits longer has failed.
    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn the_result_comes_back_from_another_thread() {
        let here = std::thread::current().id();
        let there = compute(|_| std::thread::current().id()).await.unwrap();
        assert_ne!(here, there);
    }

    #[tokio::test]
    async fn others_go_on_meanwhile() {
        let (send, receive) = mpsc::channel();
        // The job ends when another task of this thread has had its turn.
        let job = compute(move |_| receive.recv_timeout(LONG).is_ok());
        let other = async move { send.send(()).is_ok() };
        assert_eq!(tokio::join!(job, other), (Ok(true), true));
    }

    #[tokio::test]
    async fn a_panic_comes_back_as_an_error_and_the_pool_goes_on() {
        let error = compute(|_| -> u32 { panic!("no such table") }).await;
        assert_eq!(error, Err(JobPanicked("no such table".to_owned())));
        let error = compute(|_| -> u32 { panic!("no table {}", 7) }).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "the job panicked: no table 7"
        );
        let error = compute(|_| panic::panic_any(7)).await;
        assert_eq!(error, Err(JobPanicked("no message".to_owned())));
        assert_eq!(compute(|_| 7).await, Ok(7));
    }

    /// Polls once, waits until the job has begun, and drops the future.
    fn give_up(job: impl Future, began: &mpsc::Receiver<()>) {
        let mut job = std::pin::pin!(job);
        assert!(job.as_mut().now_or_never().is_none());
        began.recv_timeout(LONG).unwrap();
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_runs_on() {
        let (tell, began) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let (told, end) = mpsc::channel();
        let job = compute(move |_| {
            tell.send(()).unwrap();
            let _ = gate.recv();
            told.send("done").unwrap();
        });
        give_up(job, &began);
        assert!(end.try_recv().is_err(), "it has not ended");
        drop(open);
        assert_eq!(end.recv_timeout(LONG), Ok("done"));
    }

    #[tokio::test]
    async fn a_job_can_ask_whether_its_caller_has_gone() {
        let (tell, began) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let (told, answers) = mpsc::channel();
        let job = compute(move |caller_has_gone| {
            told.send(caller_has_gone()).unwrap();
            tell.send(()).unwrap();
            let _ = gate.recv();
            told.send(caller_has_gone()).unwrap();
        });
        give_up(job, &began);
        drop(open);
        assert_eq!(answers.recv_timeout(LONG), Ok(false));
        assert_eq!(answers.recv_timeout(LONG), Ok(true));
    }

    #[tokio::test]
    async fn a_job_starts_with_the_first_poll() {
        let (told, report) = mpsc::channel::<()>();
        drop(compute(move |_| told.send(())));
        // The sender is gone, and has sent nothing.
        assert_eq!(report.recv(), Err(mpsc::RecvError));
    }
}
