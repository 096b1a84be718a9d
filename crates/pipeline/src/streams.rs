//! What streams do, in seven small programs on virtual time.
//!
//! ```console
//! $ cargo run -p pipeline -- streams --instant
//! $ cargo run -p pipeline -- streams starved spawned --instant --timeline
//! ```
//!
//! `streams.py` has the same seven programs in Python.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use common::{Stage, Trace as _};
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// The names of the small programs.
pub(crate) const PARTS: [&str; 7] = [
    "pull",
    "break",
    "ordered",
    "unordered",
    "starved",
    "spawned",
    "deadlock",
];

const HALF: Duration = Duration::from_millis(500);
const SECOND: Duration = Duration::from_secs(1);

/// Says when, counted from the beginning of the part.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn say(self, what: impl std::fmt::Display) {
        println!("{:4.1} s  {what}", self.0.elapsed().as_secs_f64());
    }
}

/// Reads one piece.
async fn read(piece: u32) -> u32 {
    sleep(SECOND).await;
    piece
}

/// Says when it is dropped.
struct Opened(Clock);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.say("closed");
    }
}

/// Three pieces, as a stream. Each is read when somebody asks for it.
fn pieces(clock: Clock) -> impl Stream<Item = u32> {
    // The state is handed from one piece to the next: what was opened, and how far it was read.
    stream::unfold((Opened(clock), 1), move |(opened, piece)| async move {
        if piece > 3 {
            return None;
        }
        clock.say(format_args!("read({piece})"));
        let read = read(piece).traced(format!("read({piece})")).await;
        Some((read, (opened, piece + 1)))
    })
}

/// A stream does what it is asked for, and only then.
async fn pull(clock: Clock) {
    let mut pieces = pin!(pieces(clock));
    while let Some(piece) = pieces.next().await {
        clock.say(format_args!("use({piece})"));
        sleep(2 * SECOND).traced(format!("use({piece})")).await;
    }
    clock.say("the end");
}

/// Whoever has enough stops asking.
async fn enough(clock: Clock) {
    {
        let mut pieces = pin!(pieces(clock));
        while let Some(piece) = pieces.next().await {
            clock.say(format_args!("use({piece})"));
            if piece == 2 {
                break;
            }
        }
    }
    clock.say("after the loop");
    sleep(HALF).await;
    clock.say("the end");
}

/// Parses one piece. The first one is large.
async fn parse(piece: u32) -> u32 {
    let seconds = if piece == 1 { 4 } else { 1 };
    sleep(seconds * SECOND).await;
    piece
}

/// Five pieces, two at a time, in their order.
async fn ordered(clock: Clock) {
    let parsed = stream::iter(1..=5)
        .map(|piece| parse(piece).traced(format!("parse({piece})")))
        .buffered(2);
    let mut parsed = pin!(parsed);
    while let Some(piece) = parsed.next().await {
        clock.say(format_args!("parsed {piece}"));
    }
}

/// Five pieces, two at a time, as they are done.
async fn unordered(clock: Clock) {
    let parsed = stream::iter(1..=5)
        .map(|piece| parse(piece).traced(format!("parse({piece})")))
        .buffer_unordered(2);
    let mut parsed = pin!(parsed);
    while let Some(piece) = parsed.next().await {
        clock.say(format_args!("parsed {piece}"));
    }
}

/// A request, which may take three seconds. The server accepts it after half a second, the second
/// one after one and a half, and answers half a second later.
async fn request(number: u32, clock: Clock) -> Result<u32, &'static str> {
    let request = async {
        let (accept, accepted) = oneshot::channel();
        // The server is somebody else: it does not wait for us.
        tokio::spawn(async move {
            sleep(if number == 2 { 3 * HALF } else { HALF }).await;
            clock.say(format_args!("the server accepts {number}"));
            let _ = accept.send(());
        });
        let _ = accepted.await;
        sleep(HALF).await;
        number
    };
    let answer = timeout(3 * SECOND, request).await;
    answer.map_err(|_| "timed out")
}

/// Saves one answer.
async fn save(number: u32) {
    sleep(3 * SECOND).traced(format!("save({number})")).await;
}

/// The trap: while the loop saves, nobody polls the requests.
async fn starved(clock: Clock) {
    let answers = stream::iter(1..=3)
        .map(|number| request(number, clock).traced(format!("request({number})")))
        .buffer_unordered(2);
    let mut answers = pin!(answers);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(number) => {
                clock.say(format_args!("answer {number}"));
                save(number).await;
            }
            Err(error) => clock.say(error),
        }
    }
}

/// The cure: a task is polled by the runtime, whatever the loop does.
async fn spawned(clock: Clock) {
    let answers = stream::iter(1..=3)
        .map(|number| tokio::spawn(request(number, clock).traced(format!("request({number})"))))
        .buffer_unordered(2);
    let mut answers = pin!(answers);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(Ok(number)) => {
                clock.say(format_args!("answer {number}"));
                save(number).await;
            }
            Ok(Err(error)) => clock.say(error),
            Err(panic) => clock.say(panic),
        }
    }
}

/// Asks the database, which serves one at a time.
async fn query(number: u32, database: Arc<Semaphore>) -> u32 {
    let _turn = database.acquire().await;
    sleep(SECOND).await;
    number
}

/// The same trap with a lock: it does not cost a time-out, but everything.
async fn deadlock(clock: Clock) {
    let database = Arc::new(Semaphore::new(1));
    let rows = stream::iter(1..=3)
        .map(|number| query(number, Arc::clone(&database)).traced(format!("query({number})")))
        .buffer_unordered(2);
    let mut rows = pin!(rows);
    let all = async {
        while let Some(row) = rows.next().await {
            clock.say(format_args!("row {row}"));
            let _turn = database.acquire().await;
            sleep(HALF).traced(format!("update({row})")).await;
        }
    };
    match timeout(10 * SECOND, all).await {
        Ok(()) => clock.say("the end"),
        Err(_) => clock.say("stuck, given up"),
    }
}

/// Runs these parts, each as a scene of its own.
pub(crate) async fn run(stage: &Stage, parts: &[&'static str]) {
    for part in parts {
        println!("-- {part}");
        stage.scene(part);
        let clock = Clock(Instant::now());
        match *part {
            "pull" => pull(clock).await,
            "break" => enough(clock).await,
            "ordered" => ordered(clock).await,
            "unordered" => unordered(clock).await,
            "starved" => starved(clock).await,
            "spawned" => spawned(clock).await,
            _ => deadlock(clock).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::timeline::{What, record};

    /// When something happened to the row of this name, in milliseconds.
    async fn moments(
        part: impl Future<Output = ()>,
        name: &str,
        is: impl Fn(&What) -> Option<usize>,
    ) -> Vec<u128> {
        let ((), recording) = record(part).await;
        let row = recording.tasks.iter().position(|task| task == name);
        let events = recording.events.iter();
        let found = events.filter(|event| is(&event.what).is_some_and(|task| Some(task) == row));
        found.map(|event| event.at.as_millis()).collect()
    }

    fn polled(what: &What) -> Option<usize> {
        match what {
            What::Poll { task, .. } => Some(*task),
            _ => None,
        }
    }

    fn woken(what: &What) -> Option<usize> {
        match what {
            What::Woken { task, .. } => Some(*task),
            _ => None,
        }
    }

    fn clock() -> Clock {
        Clock(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_that_nobody_asks_for() {
        assert_eq!(
            moments(pull(clock()), "read(2)", polled).await,
            [3000, 4000]
        );
        assert_eq!(moments(enough(clock()), "read(3)", polled).await, [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_buffer_a_request_is_woken_and_not_polled() {
        let row = "request(2)";
        assert_eq!(moments(starved(clock()), row, woken).await, [1500, 3000]);
        assert_eq!(moments(starved(clock()), row, polled).await, [0, 4000]);
        // As a task it is done at 2.0.
        assert_eq!(
            moments(spawned(clock()), row, polled).await,
            [0, 1500, 2000]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn ordered_takes_longer_behind_a_slow_one() {
        for (part, seconds) in [(true, 6), (false, 4)] {
            let start = Instant::now();
            if part {
                ordered(clock()).await;
            } else {
                unordered(clock()).await;
            }
            assert_eq!(start.elapsed(), seconds * SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_turn_beside_a_buffer_waits_for_ever() {
        let start = Instant::now();
        deadlock(clock()).await;
        assert_eq!(start.elapsed(), 10 * SECOND);
    }
}
