//! Ctrl-C: stop taking jobs, finish what is under way, hand back the rest.
//!
//! You will see a worker that does ten jobs, two at a time. Press Ctrl-C whenever you like: no job
//! is lost. Press it twice, and it stops at once.
//!
//! ```console
//! $ cargo run -p shutdown
//! $ cargo run -p shutdown -- --interrupt-after 4.2
//! ```
//!
//! In Python: `loop.add_signal_handler`, an `asyncio.Event`, `asyncio.wait(tasks, timeout=…)`, and
//! `task.cancel()` for those that are left.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use common::Stage;
use shutdown::{Options, Report, run};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// What can ask a program to stop. Other programs know it by a number.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// Ctrl-C, or SIGINT: number 2.
    Interrupt,
    /// SIGTERM: number 15. `kill`, systemd, docker and Kubernetes send it.
    #[cfg(unix)]
    Terminate,
}

impl Asked {
    /// What shells say of a program that a signal has ended: 128 and its number.
    fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            #[cfg(unix)]
            Self::Terminate => 143,
        }
    }
}

/// Listens from now on, and waits at each call for the next signal.
#[cfg(unix)]
fn signals() -> io::Result<impl AsyncFnMut() -> Asked> {
    use tokio::signal::unix::{SignalKind, signal};

    // Not `ctrl_c()` in the closure: each call of it would be a new listener, and what comes
    // between two calls would be lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move || {
        tokio::select! {
            _ = interrupt.recv() => Asked::Interrupt,
            _ = terminate.recv() => Asked::Terminate,
        }
    })
}

/// Listens from now on, and waits at each call for the next Ctrl-C. Windows has no SIGTERM.
#[cfg(windows)]
fn signals() -> io::Result<impl AsyncFnMut() -> Asked> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move || {
        ctrl_c.recv().await;
        Asked::Interrupt
    })
}

/// Pretends that somebody presses Ctrl-C at these moments.
fn planned(moments: Vec<Duration>) -> impl AsyncFnMut() -> Asked {
    let start = Instant::now();
    let mut moments = moments.into_iter();
    async move || {
        match moments.next() {
            Some(moment) => sleep_until(start + moment).await,
            None => std::future::pending().await,
        }
        Asked::Interrupt
    }
}

/// Runs until all is done, or until it was asked to stop and has stopped. Asked again, it ends the
/// program.
async fn work(
    jobs: Vec<u32>,
    options: Options,
    mut asked_to_stop: impl AsyncFnMut() -> Asked,
) -> Report {
    let (stop, stopping) = oneshot::channel();
    let asked_twice = async {
        asked_to_stop().await;
        let _ = stop.send(());
        asked_to_stop().await
    };
    tokio::select! {
        report = run(jobs, options, async { stopping.await.unwrap_or(()) }) => report,
        again = asked_twice => {
            eprintln!("shutdown: stopped at once; what was under way is lost");
            // Not a return: whatever still runs on a thread of its own would hold up the end.
            std::process::exit(again.exit_code())
        }
    }
}

/// What was done, and what somebody else has to do now.
fn tell(report: &Report) {
    println!("done:{}", row(&report.done));
    let left = [&report.handed_back[..], &report.not_taken].concat();
    if left.is_empty() {
        return;
    }
    println!("handed back:{}", row(&report.handed_back));
    println!("not taken:{}", row(&report.not_taken));
    println!("to go on: cargo run -p shutdown --{}", row(&left));
}

fn row(numbers: &[u32]) -> String {
    numbers.iter().map(|number| format!(" {number}")).collect()
}

// One thread, like asyncio's event loop.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage =
        Stage::new("Ctrl-C: stop taking jobs, finish what is under way, hand back the rest.")
            .arguments(
                "JOB...",
                "the numbers of the jobs (default: 1 to 10); every third is slow",
            )
            .option(
                "--pace",
                "SECONDS",
                "a job arrives every so often (default 0.5)",
            )
            .option(
                "--grace",
                "SECONDS",
                "how long jobs may go on after Ctrl-C (default 3)",
            )
            .option(
                "--interrupt-after",
                "SECONDS,...",
                "as if Ctrl-C were pressed then",
            )
            .begin()
            .await;
    let mut options = Options::default();
    options.pace = stage.seconds("--pace").unwrap_or(options.pace);
    options.grace = stage.seconds("--grace").unwrap_or(options.grace);
    let jobs: Result<Vec<u32>, _> = stage.positional().iter().map(|job| job.parse()).collect();
    let jobs = match jobs {
        Ok(jobs) if jobs.is_empty() => (1..=10).collect(),
        Ok(jobs) => jobs,
        Err(_) => stage.usage_error("a job is a number, such as 7; see --help"),
    };

    let report = if let Some(moments) = stage.value::<String>("--interrupt-after") {
        let moments = moments.split(',').map(|moment| moment.parse().ok());
        let moments = moments.map(|seconds| Duration::try_from_secs_f64(seconds?).ok());
        let Some(moments) = moments.collect() else {
            stage.usage_error("--interrupt-after takes seconds, such as 4.2 or 4.2,5");
        };
        work(jobs, options, planned(moments)).await
    } else {
        // Before the first line is printed: until then a signal ends the program, as it does any.
        let signals = match signals() {
            Ok(signals) => signals,
            Err(error) => {
                eprintln!("shutdown: cannot listen for Ctrl-C: {error}");
                return ExitCode::FAILURE;
            }
        };
        work(jobs, options, signals).await
    };
    tell(&report);
    // Nothing is lost, so it is a success, whether all is done or not.
    stage.finish()
}
