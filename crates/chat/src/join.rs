//! The terminal client: what others say goes out, lines that are typed go in.
//!
//! Three parts that run at the same time, and none waits for another one's terminal: a thread reads
//! lines (`keyboard`), a thread prints them (`screen`), and the future of [`join`] is between
//! them with the connection (`visit`). It is all in one `select!`, so Ctrl-C is heard whatever the
//! others wait for.

mod keyboard;
mod ledger;
mod link;
mod screen;
mod visible;
mod visit;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use self::link::End;
use self::visit::Visit;
use crate::names;

/// Who joins what.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Where the server is, such as `ws://127.0.0.1:8080`.
    pub server: String,
    /// Who comes.
    pub name: String,
    /// Which room.
    pub room: String,
}

/// Why somebody could not join, or not stay. Its text is one line for people.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The address, the name or the room cannot be.
    #[error("{0}")]
    Usage(String),
    /// The server is not there, or does not want us.
    #[error("{0}")]
    Failed(String),
    /// Lines of the standard input that no server would take.
    #[error("{0} of the lines could not be sent; the output says which")]
    NotSent(usize),
}

impl JoinError {
    /// What the process should end with: 2 for bad usage, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::NotSent(_) => 1,
        }
    }
}

/// The longest wait before the next attempt.
const SLOWEST: Duration = Duration::from_secs(30);
/// How long a goodbye may take, and then what is still to be printed: a server that is gone keeps
/// nobody here, nor does a terminal that stands still.
const GOODBYE: Duration = Duration::from_secs(1);

/// Is in a room until Ctrl-C, SIGTERM, the end of the standard input, or a server that does not want
/// us. A connection that breaks is made anew, and what was said meanwhile is shown.
///
/// Prints to the standard output. Lines that come from a pipe or a file are all sent before it
/// returns, one after the other, and as fast as the server takes them.
///
/// # Errors
///
/// [`JoinError::Usage`] before anything is sent; [`JoinError::Failed`] if the *first* connection
/// fails, or when the server ends one for good; [`JoinError::NotSent`] at the end of a standard
/// input of which something could not be sent.
///
/// # Cancel safety
///
/// Dropped, it leaves without a word: the server notices by the broken connection. What was read
/// from the standard input is lost.
pub async fn join(guest: Guest) -> Result<(), JoinError> {
    let server = link::address(&guest.server).map_err(JoinError::Usage)?;
    let name = names::person(&guest.name).map_err(JoinError::Usage)?;
    let room = names::room(&guest.room).map_err(JoinError::Usage)?;
    let mut visit = Visit::new(server, name, room);
    let mut asked_to_leave = std::pin::pin!(asked_to_leave());
    let ended = loop {
        // Out here, so that it outlives the future below: whoever leaves says goodbye on it.
        let mut socket = None;
        let end = tokio::select! {
            () = &mut asked_to_leave => End::Left,
            end = visit.connect_and_talk(&mut socket) => end,
        };
        match end {
            End::Left => {
                let _ = timeout(GOODBYE, async {
                    if let Some(socket) = socket {
                        link::say_goodbye(socket).await;
                    }
                    visit.say_left().await;
                })
                .await;
                break visit.result();
            }
            End::Over(reason) | End::Taken(reason) => break Err(JoinError::Failed(reason)),
            End::Lost(reason) if !visit.was_inside() => break Err(JoinError::Failed(reason)),
            End::Lost(reason) => {
                let wait = visit.wait_before_next();
                visit.tell_wait(&reason, wait).await;
                let next = Instant::now() + wait;
                let end = tokio::select! {
                    () = &mut asked_to_leave => true,
                    () = visit.nothing_to_say() => true,
                    () = sleep(next - Instant::now()) => false,
                };
                if end {
                    let _ = timeout(GOODBYE, visit.say_left()).await;
                    break visit.result();
                }
            }
        }
    };
    visit.finish().await;
    ended
}

/// Half of what `failures` doublings have made of half a second, and a random part of the other
/// half: after a restart of the server, not everyone comes at the same moment.
fn backoff(failures: u32) -> Duration {
    let most = Duration::from_millis(500) * 2_u32.saturating_pow(failures.min(16));
    let most = most.min(SLOWEST);
    most / 2 + most.mul_f64(fastrand::f64() / 2.0)
}

/// Completes with Ctrl-C, and with SIGTERM.
#[cfg(unix)]
async fn asked_to_leave() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_leave() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_has_an_end() {
        for (failures, most) in [(0, 0.5), (1, 1.0), (3, 4.0), (6, 30.0), (u32::MAX, 30.0)] {
            for _ in 0..100 {
                let wait = backoff(failures).as_secs_f64();
                assert!((most / 2.0..=most).contains(&wait), "{failures}: {wait}");
            }
        }
    }
}
