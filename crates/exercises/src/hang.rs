//! Tells how a check hangs, and ends it.
//!
//! A thread looks at the runtime from outside. It must: a runtime whose only thread is blocked
//! fires no timer, and `tokio::time::timeout` never gets to run.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};

use crate::protocol::Message;
use crate::{VIRTUAL_LIMIT, tell};

/// How long a thread may run without going to sleep. Exercises compute nothing for so long.
const BUSY_LIMIT: Duration = Duration::from_secs(2);

/// How long a thread may sleep on virtual time. The clock jumps to the next timer, so it sleeps
/// for long only when what it waits for is another thread.
const ASLEEP_LIMIT: Duration = Duration::from_secs(4);

/// How long the whole check may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How soon a runtime that can poll a new task has polled it.
const PROBE: Duration = Duration::from_millis(300);

/// The exit code of a process that hangs.
pub(crate) const HANGS: i32 = 3;

/// How a check hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    /// Everything waits, and nothing that it waits for will happen.
    Pending,
    /// One poll does not return: its thread is blocked.
    Blocked,
    /// Polls return, and are asked for again at once.
    Spinning,
}

/// What a hang of one kind tells about who wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Meaning {
    pub(crate) hang: Hang,
    pub(crate) misconception: String,
    pub(crate) what: String,
}

impl Hang {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Blocked => "blocked",
            Self::Spinning => "spinning",
        }
    }

    fn causes(self) -> &'static str {
        match self {
            Self::Pending => {
                "Usual causes: a sender that is never dropped, so that its receiver waits for more; \
                 a lock or a permit held by the one who waits for it; a signal that came before \
                 anybody listened; a `poll` that answers `Pending` and has told nobody to wake it."
            }
            Self::Blocked => {
                "Usual causes: `std::thread::sleep` or another call that waits without `.await`; a \
                 `std::sync::Mutex` that its own thread holds already; a loop that never awaits."
            }
            Self::Spinning => {
                "Usual causes: a `poll` that wakes itself each time instead of waiting for the event; \
                 a loop around `yield_now` or `try_recv` that asks again and again."
            }
        }
    }
}

/// What the hooks of the runtime's thread say about it.
#[derive(Debug)]
struct Thread {
    asleep: bool,
    since: Instant,
    /// When it last went to sleep, on the clock of the check: how far a hanging check came.
    slept: Option<tokio::time::Instant>,
    began: Option<tokio::time::Instant>,
    real: bool,
    meanings: Vec<Meaning>,
}

/// Watches the thread of one runtime.
#[derive(Clone, Debug)]
pub(crate) struct Watchdog {
    thread: Arc<Mutex<Thread>>,
}

impl Watchdog {
    /// For a runtime on the machine's clock, or on virtual time.
    pub(crate) fn new(real: bool) -> Self {
        let thread = Thread {
            asleep: false,
            since: Instant::now(),
            slept: None,
            began: None,
            real,
            meanings: Vec::new(),
        };
        Self {
            thread: Arc::new(Mutex::new(thread)),
        }
    }
}

/// Ends the watch when it is dropped.
pub(crate) struct Watch {
    watchdog: Watchdog,
    _done: mpsc::Sender<()>,
}

impl Watch {
    /// Says that the check begins now, on the clock of its runtime.
    pub(crate) fn begin(&self) {
        let now = tokio::time::Instant::now();
        self.watchdog.with(|thread| thread.began = Some(now));
    }
}

impl Watchdog {
    fn with<T>(&self, look: impl FnOnce(&mut Thread) -> T) -> T {
        look(&mut self.thread.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the runtime to say when its thread goes to sleep and wakes.
    pub(crate) fn observe(&self, builder: &mut Builder) {
        let (parks, wakes) = (self.clone(), self.clone());
        builder.on_thread_park(move || {
            let now = tokio::time::Instant::now();
            parks.with(|thread| {
                thread.asleep = true;
                thread.since = Instant::now();
                thread.slept = Some(now);
            });
        });
        builder.on_thread_unpark(move || {
            wakes.with(|thread| {
                thread.asleep = false;
                thread.since = Instant::now();
            });
        });
    }

    /// Looks at the thread until the [`Watch`] is dropped.
    pub(crate) fn watch(&self, runtime: &Handle) -> Watch {
        let (done, is_done) = mpsc::channel::<()>();
        let (watchdog, runtime) = (self.clone(), runtime.clone());
        thread::spawn(move || {
            let started = Instant::now();
            while is_done.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout)
            {
                let (asleep, for_) =
                    watchdog.with(|thread| (thread.asleep, thread.since.elapsed()));
                let hang = match asleep {
                    false if for_ > BUSY_LIMIT => Some(busy(&runtime)),
                    true if for_ > ASLEEP_LIMIT => Some(Hang::Pending),
                    _ if started.elapsed() > LIMIT => Some(Hang::Pending),
                    _ => None,
                };
                if let Some(hang) = hang {
                    watchdog.end(hang);
                }
            }
        });
        Watch {
            watchdog: self.clone(),
            _done: done,
        }
    }

    /// Says how the check hangs, and ends the process: a blocked thread cannot be stopped.
    pub(crate) fn end(&self, hang: Hang) -> ! {
        let meaning =
            self.with(|thread| thread.meanings.iter().find(|one| one.hang == hang).cloned());
        let seen = self.seen(hang);
        let (misconception, what) = match meaning {
            Some(meaning) => (
                Some(meaning.misconception),
                format!("{seen} {}", meaning.what),
            ),
            None => (None, format!("{seen} {}", hang.causes())),
        };
        tell(&Message::Hang {
            how: hang.name().to_owned(),
            what,
            misconception,
        });
        process::exit(HANGS);
    }

    /// Says what a hang of this kind means in this check.
    pub(crate) fn expect(&self, meaning: Meaning) {
        self.with(|thread| thread.meanings.push(meaning));
    }

    fn seen(&self, hang: Hang) -> String {
        match hang {
            Hang::Blocked => {
                "A thread is blocked: one poll has been running for two seconds, and no \
                 other task and no timer can run on its thread."
                    .to_owned()
            }
            Hang::Spinning => {
                "It spins: for two seconds tasks have been polled without a pause, and \
                 the work is not done."
                    .to_owned()
            }
            Hang::Pending => {
                let (real, slept, began) =
                    self.with(|thread| (thread.real, thread.slept, thread.began));
                let came = slept
                    .zip(began)
                    .map(|(slept, began)| slept.saturating_duration_since(began));
                match came {
                    Some(came) if !real && came <= VIRTUAL_LIMIT / 2 => format!(
                        "Pending forever: at {:.1} s everything waits, no timer is set, and nothing \
                         can wake it.",
                        came.as_secs_f64()
                    ),
                    Some(_) if !real => {
                        "Pending forever: an hour of virtual time has passed, some \
                         timer ticks on, and the work is not done."
                            .to_owned()
                    }
                    _ => "Pending forever: everything waits, and for seconds nothing has happened."
                        .to_owned(),
                }
            }
        }
    }
}

/// A thread that has not slept for long is in one poll, or in very many. Whoever gets a new task
/// polled, knows.
fn busy(runtime: &Handle) -> Hang {
    let polled = Arc::new(AtomicBool::new(false));
    let probe = polled.clone();
    runtime.spawn(async move { probe.store(true, Ordering::Release) });
    thread::sleep(PROBE);
    if polled.load(Ordering::Acquire) {
        Hang::Spinning
    } else {
        Hang::Blocked
    }
}
