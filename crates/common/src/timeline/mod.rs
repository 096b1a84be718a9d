//! What happened to each future, recorded from the run itself and drawn.
//!
//! [`Trace::traced`] wraps a future and, at each poll, the waker that the future is given. The
//! wrapper writes down when the future was created, polled, woken (and during whose poll), when it
//! finished or was dropped, and how long each poll held its thread. It changes nothing else about
//! the future. It works on stable Rust and on every executor, for spawned tasks as for the
//! branches of a `join!`.
//!
//! Where nobody records, [`Traced`] is its future, one pointer larger and one branch a poll slower.
//!
//! Times come from tokio's clock. On the paused clock, which moves only when every task waits, a
//! recording is therefore the same in every run and on every machine.

mod json;
mod recording;
mod svg;
mod text;

use std::cell::RefCell;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::Instant;

pub use recording::{Clock, Event, Recording, What};
pub use text::Style;

/// How many events one recording keeps; what comes later is only counted. A recording thus takes
/// some ten megabytes at the most, however long the program runs.
const MOST_EVENTS: usize = 200_000;

/// Set once the first recording begins, so that a program that never records pays one load for
/// each future that it traces.
static ANYBODY_RECORDS: AtomicBool = AtomicBool::new(false);

/// The recording of the whole process: that of a lesson run with `--timeline`.
static FOR_ALL: OnceLock<Timeline> = OnceLock::new();

thread_local! {
    /// The future that is being polled on this thread, and the recording it belongs to.
    static NOW_POLLING: RefCell<Option<Polling>> = const { RefCell::new(None) };
}

#[derive(Clone)]
struct Polling {
    timeline: Timeline,
    /// `None` in the outermost future of [`record`], which is no row.
    task: Option<usize>,
}

/// Wraps futures so that their life is recorded.
pub trait Trace: Future + Sized {
    /// Records the life of this future in a row called `name`, when somebody records.
    ///
    /// `name` is formatted only then, and before this returns. Rows are named after the call, such
    /// as `fetch_data(3)`. With `format_args!` nothing is allocated where nobody records, but it
    /// is not `Send`: where the future is spawned, put `.traced(…)` into a `let` of its own and
    /// await that.
    fn traced(self, name: impl Display) -> Traced<Self> {
        let note = Timeline::current().and_then(|timeline| {
            let task = timeline.created(&name)?;
            Some(Box::new(Note {
                timeline,
                task,
                finished: false,
                waker: None,
            }))
        });
        Traced { future: self, note }
    }
}

impl<F: Future> Trace for F {}

pin_project! {
    /// A future whose life is recorded. Made by [`Trace::traced`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Traced<F> {
        #[pin]
        future: F,
        note: Option<Box<Note>>,
    }

    impl<F> PinnedDrop for Traced<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(note) = this.project().note && !note.finished {
                let Note { timeline, task, .. } = &**note;
                timeline.push(What::Dropped { task: *task, by: timeline.polled_now() });
            }
        }
    }
}

#[derive(Debug)]
struct Note {
    timeline: Timeline,
    task: usize,
    finished: bool,
    /// The waker of the last poll, and the same one wrapped. Kept, because a future may compare
    /// the wakers of two polls and register anew only when they differ.
    waker: Option<(Waker, Waker)>,
}

impl<F: Future> Future for Traced<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.note {
            None => this.future.poll(cx),
            Some(note) => note.poll(this.future, cx),
        }
    }
}

impl Note {
    fn poll<F: Future>(&mut self, future: Pin<&mut F>, cx: &Context<'_>) -> Poll<F::Output> {
        if !matches!(&self.waker, Some((inner, _)) if inner.will_wake(cx.waker())) {
            let wrapped = Arc::new(NotedWaker {
                timeline: self.timeline.clone(),
                task: self.task,
                inner: cx.waker().clone(),
            });
            self.waker = Some((cx.waker().clone(), Waker::from(wrapped)));
        }
        let waker = self
            .waker
            .as_ref()
            .map_or(cx.waker(), |(_, wrapped)| wrapped);

        let task = self.task;
        self.timeline.poll_begins(task);
        let mut poll = PollEnd {
            timeline: &self.timeline,
            what: What::Panicked { task },
        };
        let polled = {
            let _polling = NowPolling::set(&self.timeline, Some(task));
            future.poll(&mut Context::from_waker(waker))
        };
        // A future that panicked is finished as well: nobody may poll it again.
        self.finished = polled.is_ready();
        poll.what = if self.finished {
            What::Ready { task }
        } else {
            What::Pending { task }
        };
        polled
    }
}

/// Writes down how a poll ended, when it is dropped: a poll may also end by a panic.
struct PollEnd<'a> {
    timeline: &'a Timeline,
    what: What,
}

impl Drop for PollEnd<'_> {
    fn drop(&mut self) {
        self.timeline.push(self.what.clone());
    }
}

/// While it lives, this thread polls `task`.
struct NowPolling {
    before: Option<Polling>,
}

impl NowPolling {
    fn set(timeline: &Timeline, task: Option<usize>) -> Self {
        let now = Polling {
            timeline: timeline.clone(),
            task,
        };
        Self {
            before: NOW_POLLING.with_borrow_mut(|polling| polling.replace(now)),
        }
    }
}

impl Drop for NowPolling {
    fn drop(&mut self) {
        let before = self.before.take();
        NOW_POLLING.with_borrow_mut(|polling| *polling = before);
    }
}

/// The waker that a recorded future sees.
struct NotedWaker {
    timeline: Timeline,
    task: usize,
    inner: Waker,
}

impl Wake for NotedWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let by = self.timeline.polled_now();
        self.timeline.push(What::Woken {
            task: self.task,
            by,
        });
        self.inner.wake_by_ref();
    }
}

/// A recording that is being made. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Timeline(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    start: Instant,
    /// Whose clock it is. A thread of no runtime has only the machine's clock.
    runtime: Option<Handle>,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    recording: Recording,
    threads: Vec<ThreadId>,
}

impl Timeline {
    fn start(clock: Clock) -> Self {
        ANYBODY_RECORDS.store(true, Ordering::Relaxed);
        let recording = Recording {
            clock,
            ..Recording::default()
        };
        Self(Arc::new(Shared {
            start: Instant::now(),
            runtime: Handle::try_current().ok(),
            log: Mutex::new(Log {
                recording,
                threads: Vec::new(),
            }),
        }))
    }

    /// Records every traced future of this process from now on.
    pub(crate) fn start_for_all(clock: Clock) -> Self {
        FOR_ALL.get_or_init(|| Self::start(clock)).clone()
    }

    /// The recording that a future made here and now belongs to.
    #[inline]
    fn current() -> Option<Self> {
        if ANYBODY_RECORDS.load(Ordering::Relaxed) {
            Self::look_up()
        } else {
            None
        }
    }

    #[cold]
    fn look_up() -> Option<Self> {
        let of_thread = NOW_POLLING.with_borrow(|polling| Some(polling.as_ref()?.timeline.clone()));
        of_thread.or_else(|| FOR_ALL.get().cloned())
    }

    /// The row in whose poll this thread is. `None` in the runtime (a timer, a socket) and in
    /// futures that are not traced.
    fn polled_now(&self) -> Option<usize> {
        // `try_with`: a future may be dropped while its thread ends.
        let polling = NOW_POLLING.try_with(|polling| {
            let polling = polling.borrow();
            let polling = polling.as_ref()?;
            if Arc::ptr_eq(&polling.timeline.0, &self.0) {
                polling.task
            } else {
                None
            }
        });
        polling.ok().flatten()
    }

    pub(crate) fn scene(&self, name: &str) {
        self.push(What::Scene {
            name: name.to_owned(),
        });
    }

    pub(crate) fn recording(&self) -> Recording {
        self.lock().recording.clone()
    }

    /// The new row, or `None` if the recording is full.
    fn created(&self, name: &impl Display) -> Option<usize> {
        let name = name.to_string();
        let by = self.polled_now();
        let mut log = self.lock();
        if log.recording.events.len() >= MOST_EVENTS {
            log.recording.left_out += 1;
            return None;
        }
        let task = log.recording.tasks.len();
        log.recording.tasks.push(name);
        self.push_to(&mut log, What::Created { task, by });
        Some(task)
    }

    fn poll_begins(&self, task: usize) {
        let current = thread::current();
        let mut log = self.lock();
        let known = log.threads.iter().position(|id| *id == current.id());
        let thread = known.unwrap_or_else(|| {
            log.threads.push(current.id());
            log.recording
                .threads
                .push(current.name().unwrap_or("unnamed").to_owned());
            log.threads.len() - 1
        });
        self.push_to(&mut log, What::Poll { task, thread });
    }

    fn push(&self, what: What) {
        self.push_to(&mut self.lock(), what);
    }

    /// The clock is read under the lock, so that the events of all threads are in order.
    fn push_to(&self, log: &mut Log, what: What) {
        let recording = &mut log.recording;
        if recording.events.len() < MOST_EVENTS {
            let at = self.now();
            recording.events.push(Event { at, what });
        } else {
            recording.left_out += 1;
        }
    }

    /// The time since the recording began, by the clock that it began with.
    fn now(&self) -> Duration {
        let elsewhere = Handle::try_current().is_err();
        let _entered = self
            .0
            .runtime
            .as_ref()
            .filter(|_| elsewhere)
            .map(Handle::enter);
        self.0.start.elapsed()
    }

    /// The lock is held for one push into a vector, or one copy of it at the end.
    fn lock(&self) -> MutexGuard<'_, Log> {
        // A panic in the middle of a push leaves at worst one event too few.
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `future` and records every traced future that it makes, and that those make in turn.
/// For tests on the paused clock: several can record at once, each its own.
///
/// A future that is spawned belongs to the recording if it is traced where it is spawned.
pub async fn record<F: Future>(future: F) -> (F::Output, Recording) {
    let timeline = Timeline::start(Clock::Paused);
    let mut future = pin!(future);
    let output = poll_fn(|cx| {
        let _polling = NowPolling::set(&timeline, None);
        future.as_mut().poll(cx)
    })
    .await;
    (output, timeline.recording())
}
