use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::StreamExt as _;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::exercise::{KEPT, Member, fan_out};

/// What a pipe in memory holds, in bytes: some thirty messages.
const PIPE: usize = 512;

type Guest = WebSocketStream<DuplexStream>;

/// The room's end of a connection, and the guest's.
async fn connection() -> (Member, Guest) {
    let (here, there) = tokio::io::duplex(PIPE);
    let member = WebSocketStream::from_raw_socket(here, Role::Server, None).await;
    let guest = WebSocketStream::from_raw_socket(there, Role::Client, None).await;
    (member, guest)
}

/// What a guest has heard, and when the last of it.
#[derive(Default)]
struct Heard {
    texts: Vec<String>,
    last: Duration,
    is_closed: bool,
}

/// Hears everything, beginning after `silence`.
fn listen(mut guest: Guest, silence: Duration) -> JoinHandle<Heard> {
    let begin = Instant::now();
    tokio::spawn(async move {
        sleep(silence).await;
        let mut heard = Heard::default();
        while let Some(Ok(message)) = guest.next().await {
            match message {
                Message::Text(text) => {
                    heard.texts.push(text.to_string());
                    heard.last = begin.elapsed();
                }
                Message::Close(_) => heard.is_closed = true,
                _ => {}
            }
        }
        heard
    })
}

fn text(number: usize) -> String {
    format!("message {number}")
}

/// Says `count` messages, one each `pause`. How long the room made it wait, at most, for one of
/// them; and how many tasks there were, at most.
async fn say(room: mpsc::Sender<String>, count: usize, pause: Duration) -> (Duration, usize) {
    let (mut longest, mut tasks) = (Duration::ZERO, 0);
    for number in 0..count {
        let begin = Instant::now();
        let _ = room.send(text(number)).await;
        longest = longest.max(begin.elapsed());
        sleep(pause).await;
        tasks = tasks.max(Handle::current().metrics().num_alive_tasks());
    }
    (longest, tasks)
}

/// Goes through what a guest has heard. How many messages came, and how many it was told to have
/// missed; everything in order, and nothing between is left out without a word.
fn accounts(who: &str, heard: &Heard, said: usize) -> (usize, usize) {
    let (mut came, mut missed) = (0, 0);
    for line in &heard.texts {
        if let Some(count) = line.strip_prefix("missed ") {
            let Ok(count) = count.parse::<usize>() else {
                panic!("{who} hears {line:?}; a number should follow the word.");
            };
            missed += count;
            continue;
        }
        let expected = text(came + missed);
        if *line != expected {
            let number = line.strip_prefix("message ").and_then(|n| n.parse().ok());
            if number.is_some_and(|number: usize| number > came + missed) {
                wrong(
                    "full-may-be-dropped",
                    format!(
                        "{who} hears {line:?} where {expected:?} should be. Of what is between, nothing is said."
                    ),
                );
            }
            panic!("{who} hears {line:?} where {expected:?} should be.");
        }
        came += 1;
    }
    if came + missed < said {
        wrong(
            "full-may-be-dropped",
            format!(
                "{said} messages were said. {who} has got {came} of them and was told to have \
                 missed {missed}; of the others nothing was said."
            ),
        );
    }
    same(
        format!("how many messages {who} knows of"),
        came + missed,
        said,
    );
    (came, missed)
}

/// Ada and Cy read, Bob between them reads nothing for five seconds. 1000 messages, one each 10 ms.
#[test]
fn nobody_waits_for_the_one_who_does_not_read() {
    check(async {
        let (ada, ada_hears) = connection().await;
        let (bob, bob_hears) = connection().await;
        let (cy, cy_hears) = connection().await;
        let (room, said) = mpsc::channel(1);
        let ada_hears = listen(ada_hears, Duration::ZERO);
        let bob_hears = listen(bob_hears, Duration::from_secs(5));
        let cy_hears = listen(cy_hears, Duration::ZERO);
        let room_is_over = tokio::spawn(fan_out(said, vec![ada, bob, cy]));
        let (longest, tasks) = say(room, 1000, Duration::from_millis(10)).await;
        let Ok(ended) = timeout(Duration::from_secs(600), room_is_over).await else {
            panic!(
                "`fan_out` is not done ten minutes after the last message, although everybody reads."
            );
        };
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
        let ada = ada_hears.await.unwrap();
        let bob = bob_hears.await.unwrap();
        let cy = cy_hears.await.unwrap();

        if longest >= Duration::from_secs(1) {
            wrong(
                "sends-at-once-do-not-wait",
                format!(
                    "Bob read nothing, and somebody who said something waited {} until the room \
                     took it. The room sends to one after the other, or to all at once and then \
                     waits for all of them.",
                    seconds(longest)
                ),
            );
        }
        if ada.last > Duration::from_secs(11) || longest > Duration::from_millis(1) {
            wrong(
                "a-limit-isolates",
                format!(
                    "1000 messages were said, and each time the room was busy for up to {:.1} s with \
                     Bob, who reads nothing. Ada, who reads everything, heard the last one after \
                     {}; without Bob it would be 10.0 s.",
                    longest.as_secs_f64(),
                    seconds(ada.last)
                ),
            );
        }
        for (who, heard) in [("Ada", &ada), ("Cy", &cy)] {
            let (_, missed) = accounts(who, heard, 1000);
            same(
                format!("how many messages {who} missed, who read at once"),
                missed,
                0,
            );
            same(
                format!("whether {who}'s connection was closed in the end"),
                heard.is_closed,
                true,
            );
        }
        if tasks > 100 {
            wrong(
                "a-task-for-each-send",
                format!(
                    "While Bob read nothing, {tasks} tasks were alive, one more with each message, \
                     and each keeps its message. Nobody says how many they may become."
                ),
            );
        }
        let was_told = bob.texts.iter().any(|line| line.starts_with("missed"));
        let in_order = bob
            .texts
            .iter()
            .enumerate()
            .all(|(number, line)| *line == text(number));
        if !was_told && in_order && bob.texts.len() < 1000 {
            wrong(
                "who-does-not-read-is-gone",
                format!(
                    "Bob read nothing for five seconds, and then again. He got {} messages, and the \
                     connection ended without a word.",
                    bob.texts.len()
                ),
            );
        }
        let (came, missed) = accounts("Bob", &bob, 1000);
        if missed == 0 {
            wrong(
                "a-queue-absorbs-it",
                format!(
                    "Bob read nothing for five seconds and then got all {came} messages: they were kept \
                     for him, and with more of them it would be more."
                ),
            );
        }
        // All that is said while he reads, what may wait, what is just being written, and the pipe.
        let at_most = 500 + KEPT * 2 + PIPE / 10;
        assert!(
            came <= at_most,
            "Bob read nothing while 500 messages were said, and then got {came} of 1000. {KEPT} may \
             wait for him, and some thirty are in the pipe."
        );
        assert!(
            came >= 500 + KEPT,
            "Bob read nothing while 500 messages were said, and then got {came} of 1000. {KEPT} \
             could have waited for him, and the last 500 were said while he read."
        );
        same(
            "whether Bob's connection was closed in the end",
            bob.is_closed,
            true,
        );
    });
}

#[test]
fn a_burst_that_fits_is_heard_whole() {
    check(async {
        let (ada, ada_hears) = connection().await;
        let (room, said) = mpsc::channel(1);
        let ada_hears = listen(ada_hears, Duration::from_secs(1));
        let ((_, ()), time) =
            took(async { tokio::join!(say(room, KEPT, Duration::ZERO), fan_out(said, vec![ada])) })
                .await;
        let (_, missed) = accounts("Ada", &ada_hears.await.unwrap(), KEPT);
        same(
            "how many messages of a burst that fits are missed",
            missed,
            0,
        );
        same("when the room is over", seconds(time), "1.0 s");
    });
}

#[test]
fn a_broken_connection_concerns_nobody_else() {
    check(async {
        let (ada, ada_hears) = connection().await;
        let (bob, bob_hears) = connection().await;
        let (cy, mut cy_hears) = connection().await;
        drop(bob_hears);
        cy_hears.close(None).await.unwrap();
        drop(cy_hears);
        let (room, said) = mpsc::channel(1);
        let ada_hears = listen(ada_hears, Duration::ZERO);
        tokio::join!(
            say(room, 300, Duration::from_millis(10)),
            fan_out(said, vec![bob, ada, cy])
        );
        let (_, missed) = accounts("Ada", &ada_hears.await.unwrap(), 300);
        same(
            "how many messages Ada missed, whose neighbours left",
            missed,
            0,
        );
    });
}

#[test]
fn an_empty_room_takes_what_is_said() {
    check(async {
        let (room, said) = mpsc::channel(1);
        tokio::join!(
            say(room, 10, Duration::from_millis(10)),
            fan_out(said, Vec::new())
        );
    });
}
