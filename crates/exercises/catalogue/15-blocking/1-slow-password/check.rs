use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use exercises::{check_real, same, wrong};
use futures::FutureExt as _;
use tokio::task::{self, Id};

use super::exercise::{Account, sign_up};

/// Who has the thread of the loop, and how many turns the others have had.
struct Server {
    thread: ThreadId,
    task: Option<Id>,
    beats: Arc<AtomicU32>,
    neighbour: Arc<AtomicBool>,
}

/// What `hash` saw.
#[derive(Clone, Copy)]
struct Seen {
    on_the_loop: bool,
    in_another_task: bool,
    after_a_neighbour: bool,
    beats: u32,
}

impl Server {
    /// Inside a check, whose thread is that of the loop.
    fn start() -> Self {
        let server = Self {
            thread: thread::current().id(),
            task: task::try_id(),
            beats: Arc::default(),
            neighbour: Arc::default(),
        };
        let beats = server.beats.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                beats.fetch_add(1, Ordering::AcqRel);
            }
        });
        let neighbour = server.neighbour.clone();
        tokio::spawn(async move { neighbour.store(true, Ordering::Release) });
        server
    }

    /// Signs somebody up with a hash that lasts until the others have had so many turns. On the
    /// thread of the loop it does not wait for that: they could never have one.
    async fn sign_up(
        &self,
        name: &str,
        password: &str,
        turns: u32,
    ) -> (Result<Account, String>, Option<Seen>) {
        let seen = Arc::new(Mutex::new(None));
        let note = seen.clone();
        let (loop_thread, task) = (self.thread, self.task);
        let (beats, neighbour) = (self.beats.clone(), self.neighbour.clone());
        let hash = move |password: &str| {
            let began = Instant::now();
            let before = beats.load(Ordering::Acquire);
            let on_the_loop = thread::current().id() == loop_thread;
            let after_a_neighbour = neighbour.load(Ordering::Acquire);
            let had = || beats.load(Ordering::Acquire) - before;
            if on_the_loop {
                thread::sleep(Duration::from_millis(20));
            }
            while !on_the_loop && had() < turns && began.elapsed() < Duration::from_secs(1) {
                thread::sleep(Duration::from_millis(1));
            }
            *note.lock().unwrap() = Some(Seen {
                on_the_loop,
                in_another_task: on_the_loop && task::try_id() != task,
                after_a_neighbour,
                beats: had(),
            });
            stand_in(password)
        };
        let account = sign_up(name.to_owned(), password.to_owned(), hash);
        let account = match AssertUnwindSafe(account).catch_unwind().await {
            Ok(account) => account,
            Err(panic) => {
                let text: Option<&String> = panic.downcast_ref();
                if text.is_some_and(|text| text.contains("multi-threaded runtime")) {
                    wrong(
                        "in-place-works-everywhere",
                        "`block_in_place` panicked: this runtime has one thread, and no other to \
                         which it could hand the other tasks.",
                    );
                }
                // Its message has been told already.
                panic::resume_unwind(panic);
            }
        };
        let seen = *seen.lock().unwrap();
        (account, seen)
    }
}

fn stand_in(password: &str) -> u64 {
    password
        .bytes()
        .fold(5381, |hash, byte| hash * 33 % 1_000_003 + u64::from(byte))
}

#[test]
fn others_have_their_turns_while_a_password_is_hashed() {
    check_real(async {
        let server = Server::start();
        let (_, seen) = server.sign_up("ada", "correct horse", 3).await;
        let Some(seen) = seen else {
            panic!("`hash` was not called.");
        };
        let turns = "A heartbeat is due every 2 ms. While the password was hashed, it had 0 turns";
        match seen {
            Seen {
                on_the_loop: true,
                in_another_task: true,
                ..
            } => wrong(
                "blocks-only-itself",
                format!(
                    "{turns}: `hash` ran in a task of its own, and that task has the same thread."
                ),
            ),
            Seen {
                on_the_loop: true,
                after_a_neighbour: true,
                ..
            } => wrong(
                "yield-is-a-wait",
                format!(
                    "{turns}. The others had one before it began, and then `hash` kept their thread."
                ),
            ),
            Seen {
                on_the_loop: true, ..
            } => wrong(
                "async-makes-it-concurrent",
                format!("{turns}: `hash` ran on their thread."),
            ),
            Seen { beats: 0, .. } => wrong(
                "another-thread-is-enough",
                "`hash` ran on another thread, and for a second the heartbeat had 0 turns: the \
                 loop's thread stood still and waited for the other one.",
            ),
            _ => {}
        }
    });
}

#[test]
fn each_account_has_its_own_hash() {
    check_real(async {
        let server = Server::start();
        for (name, password) in [("ada", "correct horse"), ("ben", "battery staple")] {
            let (account, _) = server.sign_up(name, password, 0).await;
            let wanted = Account {
                name: name.to_owned(),
                hash: stand_in(password),
            };
            same(format!("the account of {name}"), account, Ok(wanted));
        }
    });
}

#[test]
fn a_short_password_is_refused_and_not_hashed() {
    check_real(async {
        let server = Server::start();
        let (account, seen) = server.sign_up("cy", "tree", 0).await;
        let refused = Err("cy: the password is too short".to_owned());
        same("the account of cy", account, refused);
        same("`hash` was called", seen.is_some(), false);
    });
}
