//! What several threads save you from, and what they do not.

use std::io;
use std::time::{Duration, Instant};

use common::{Stage, Trace as _};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{JoinError, block_in_place};
use tokio::time::sleep;

use crate::slow::Library;

/// How long a call blocks its thread.
const TIME: Duration = Duration::from_millis(100);

/// How a task makes a call that blocks.
#[derive(Clone, Copy)]
enum Call {
    /// As if it were any other.
    Plain,
    /// The runtime is told first. It gives this thread's other tasks to another thread.
    InPlace,
}

impl Call {
    fn make(self) {
        match self {
            Self::Plain => Library::new().call(TIME),
            Self::InPlace => block_in_place(|| Library::new().call(TIME)),
        }
    }
}

/// Blocks its thread after it has waited for a timer.
async fn blocker(call: Call) {
    sleep(TIME / 5).await;
    call.make();
}

/// Is due in the middle of that.
async fn sleeper() -> Duration {
    let start = Instant::now();
    sleep(TIME / 2).await;
    start.elapsed()
}

/// Wakes another task, and blocks.
async fn first(call: Call, wake: oneshot::Sender<Instant>) {
    sleep(TIME / 5).await;
    let _ = wake.send(Instant::now());
    call.make();
}

/// Blocks as soon as it is woken, and says how long both have taken.
async fn second(call: Call, woken: oneshot::Receiver<Instant>) -> Option<Duration> {
    let start = woken.await.ok()?;
    call.make();
    Some(start.elapsed())
}

async fn timer(call: Call) -> Result<Duration, JoinError> {
    let sleeper = tokio::spawn(sleeper().traced("sleeper()"));
    let blocker = tokio::spawn(blocker(call).traced("blocker()"));
    blocker.await?;
    sleeper.await
}

async fn slot(call: Call) -> Result<Duration, JoinError> {
    let (wake, woken) = oneshot::channel();
    let second = tokio::spawn(second(call, woken).traced("second()"));
    let first = tokio::spawn(first(call, wake).traced("first()"));
    first.await?;
    Ok(second.await?.unwrap_or_default())
}

/// A runtime as `#[tokio::main]` makes it on a machine with `threads` processors.
fn runtime(threads: usize) -> io::Result<tokio::runtime::Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
}

pub(crate) fn threads(stage: &Stage) -> anyhow::Result<()> {
    for (how, call) in [("", Call::Plain), (", in place", Call::InPlace)] {
        stage.scene(&format!("two threads{how}"));
        let took = runtime(2)?.block_on(timer(call))?;
        println!(
            "2 threads, one blocks{how}: a sleep of 50 ms took {} ms",
            took.as_millis()
        );

        stage.scene(&format!("four threads{how}"));
        let took = runtime(4)?.block_on(slot(call))?;
        println!(
            "4 threads, two block{how}: 100 ms and 100 ms took {} ms",
            took.as_millis()
        );
    }

    stage.scene("in place, in one task");
    let task = async {
        let blocker = blocker(Call::InPlace).traced("blocker()");
        tokio::join!(sleeper().traced("sleeper()"), blocker).0
    };
    let took = runtime(2)?.block_on(task);
    println!(
        "2 threads, in one task, in place: a sleep of 50 ms took {} ms",
        took.as_millis()
    );
    Ok(())
}
