//! What a recording holds, and what its pictures are drawn from.

use std::time::Duration;

/// Everything that was written down during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The language of the program, in lower case: `rust` or `python`.
    pub language: String,
    /// Which clock the times are from.
    pub clock: Clock,
    /// The names of the rows.
    pub tasks: Vec<String>,
    /// The names of the threads that polled.
    pub threads: Vec<String>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// How many events came after the recording was full.
    pub left_out: usize,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            language: "rust".to_owned(),
            clock: Clock::Real,
            tasks: Vec::new(),
            threads: Vec::new(),
            events: Vec::new(),
            left_out: 0,
        }
    }
}

/// Which clock the times of a recording are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Virtual time: it moves only while every task waits.
    Paused,
    /// The machine's own time.
    Real,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time since the recording began.
    pub at: Duration,
    /// What happened.
    pub what: What,
}

/// What can happen. A `task` is an index into [`Recording::tasks`]; `by` is the task in whose
/// poll it happened, or `None` for the runtime (a timer, a socket) and for code that is not traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A new picture begins.
    Scene {
        /// Its title.
        name: String,
    },
    /// The future was made. Nothing of it has run.
    Created {
        /// The new row.
        task: usize,
        /// Who made it.
        by: Option<usize>,
    },
    /// A poll began: the future's code runs.
    Poll {
        /// Whose code.
        task: usize,
        /// On which thread, an index into [`Recording::threads`].
        thread: usize,
    },
    /// The poll ended at an await that has to wait.
    Pending {
        /// Who waits.
        task: usize,
    },
    /// The poll ended with the future's value.
    Ready {
        /// Who is done.
        task: usize,
    },
    /// The future's waker was called: it is worth polling again.
    Woken {
        /// Who was woken.
        task: usize,
        /// Who woke it.
        by: Option<usize>,
    },
    /// The future was dropped before it was done: it is cancelled.
    Dropped {
        /// Who was cancelled.
        task: usize,
        /// Who dropped it.
        by: Option<usize>,
    },
    /// The poll ended with a panic (in Python: the coroutine ended with an exception).
    Panicked {
        /// Who panicked.
        task: usize,
    },
}

/// One picture: the rows between two scene marks.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: Option<String>,
    pub(super) start: Duration,
    pub(super) end: Duration,
    pub(super) rows: Vec<Row>,
    pub(super) wakes: Vec<Wake>,
}

/// What one task did in a scene.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) task: usize,
    pub(super) name: String,
    /// In order, each beginning where the one before it ends.
    pub(super) spans: Vec<Span>,
    pub(super) polls: usize,
    /// How long its longest poll held the thread.
    pub(super) longest: Duration,
    pub(super) ending: Ending,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) state: State,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// What a future is doing. Where two share a place of a picture, the greater one is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    NotStarted,
    Waiting,
    /// Woken, and not yet polled: it waits for the thread.
    Queued,
    /// Polled, on this thread.
    Running(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It goes on after the scene.
    None,
    Ready(Duration),
    Dropped(Duration),
    Panicked(Duration),
}

/// One task woken by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wake {
    pub(super) at: Duration,
    pub(super) task: usize,
    pub(super) by: Option<usize>,
}

impl Scene {
    pub(super) fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// The threads that polled, in order of their numbers.
    pub(super) fn threads(&self) -> Vec<usize> {
        let spans = self.rows.iter().flat_map(|row| &row.spans);
        let mut threads: Vec<usize> = spans
            .filter_map(|span| match span.state {
                State::Running(thread) => Some(thread),
                _ => None,
            })
            .collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }
}

/// A task on its way through the events.
#[derive(Clone, Copy)]
struct Life {
    state: State,
    since: Duration,
    /// Its place among the rows of the present scene.
    row: Option<usize>,
}

impl Recording {
    /// Cuts the events into pictures. Scenes in which nothing happened are left out.
    pub(super) fn scenes(&self) -> Vec<Scene> {
        let mut scenes = Vec::new();
        let mut alive: Vec<Option<Life>> = vec![None; self.tasks.len()];
        let mut scene = Scene::begin(None, Duration::ZERO);
        for event in &self.events {
            if let What::Scene { name } = &event.what {
                scene.close(&mut alive);
                scenes.push(scene);
                scene = Scene::begin(Some(name.clone()), event.at);
            } else {
                scene.add(event, &self.tasks, &mut alive);
            }
        }
        scene.close(&mut alive);
        scenes.push(scene);
        scenes.retain(|scene| !scene.rows.is_empty());
        scenes
    }
}

impl Scene {
    fn begin(name: Option<String>, start: Duration) -> Self {
        Self {
            name,
            start,
            end: start,
            rows: Vec::new(),
            wakes: Vec::new(),
        }
    }

    fn add(&mut self, event: &Event, names: &[String], alive: &mut [Option<Life>]) {
        let at = event.at;
        let (task, next) = match event.what {
            What::Scene { .. } => return,
            What::Created { task, .. } => {
                alive[task] = Some(Life {
                    state: State::NotStarted,
                    since: at,
                    row: None,
                });
                (task, Some(State::NotStarted))
            }
            What::Poll { task, thread } => (task, Some(State::Running(thread))),
            What::Pending { task } => (task, Some(State::Waiting)),
            What::Woken { task, by } => {
                // A task may be woken while it runs, or again while it is in the queue.
                if matches!(&alive[task], Some(life) if life.state == State::Waiting) {
                    self.wakes.push(Wake { at, task, by });
                    (task, Some(State::Queued))
                } else {
                    return;
                }
            }
            What::Ready { task } | What::Dropped { task, .. } | What::Panicked { task } => {
                (task, None)
            }
        };
        let Some(life) = &mut alive[task] else {
            return;
        };
        self.end = at;
        let row = *life.row.get_or_insert_with(|| {
            // What began in an earlier scene is drawn from the start of this one.
            life.since = life.since.max(self.start);
            self.rows.push(Row::new(task, names));
            self.rows.len() - 1
        });
        let row = &mut self.rows[row];
        row.spans.push(Span {
            state: life.state,
            from: life.since,
            to: at,
        });
        match (life.state, next) {
            (State::Running(_), _) => row.longest = row.longest.max(at - life.since),
            (_, Some(State::Running(_))) => row.polls += 1,
            _ => {}
        }
        if let Some(state) = next {
            *life = Life {
                state,
                since: at,
                row: life.row,
            };
        } else {
            row.ending = match event.what {
                What::Ready { .. } => Ending::Ready(at),
                What::Panicked { .. } => Ending::Panicked(at),
                _ => Ending::Dropped(at),
            };
            alive[task] = None;
        }
    }

    /// Draws what is still alive to the end of the scene.
    fn close(&mut self, alive: &mut [Option<Life>]) {
        for (task, life) in alive.iter_mut().enumerate() {
            let Some(life) = life else { continue };
            if let Some(row) = life.row.take() {
                debug_assert_eq!(self.rows[row].task, task);
                self.rows[row].spans.push(Span {
                    state: life.state,
                    from: life.since,
                    to: self.end,
                });
            }
        }
    }
}

impl Row {
    fn new(task: usize, names: &[String]) -> Self {
        Self {
            task,
            name: names.get(task).cloned().unwrap_or_default(),
            spans: Vec::new(),
            polls: 0,
            longest: Duration::ZERO,
            ending: Ending::None,
        }
    }

    /// What stands at the end of the row: `2 polls`, and what else is worth a word.
    pub(super) fn note(&self, scene: Duration) -> String {
        let mut note = format!(
            "{} poll{}",
            self.polls,
            if self.polls == 1 { "" } else { "s" }
        );
        // Long enough to be seen in the picture.
        if self.longest >= Duration::from_millis(1) && self.longest * 20 >= scene {
            note.push_str(&format!(", longest {}", duration(self.longest)));
        }
        match self.ending {
            Ending::Dropped(_) => note.push_str(", dropped"),
            Ending::Panicked(_) => note.push_str(", failed"),
            Ending::None | Ending::Ready(_) => {}
        }
        note
    }
}

/// A duration for people: `2.0 s`, `350 ms`, `1.5 ms`, `40 µs`.
pub(super) fn duration(d: Duration) -> String {
    let seconds = d.as_secs_f64();
    if d.is_zero() {
        "0 s".to_owned()
    } else if seconds >= 0.9995 {
        format!("{seconds:.1} s")
    } else if seconds >= 0.01 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds >= 0.001 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{:.0} µs", seconds * 1e6)
    }
}
