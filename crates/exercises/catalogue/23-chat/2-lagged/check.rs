use std::time::Duration;

use exercises::{Hang, Log, check, if_it_hangs, same, wrong};
use tokio::sync::broadcast;
use tokio::time::sleep;

use super::exercise::follow;

/// Follows a room whose ring has sixteen places. The bursts are said at once, and a second lies
/// between them; a line takes `slowness` to be shown.
async fn followed(bursts: &[usize], slowness: Duration) -> Vec<String> {
    let (room, screen) = broadcast::channel(16);
    let log = Log::new();
    let shown = log.clone();
    let talking = async move {
        let mut number = 0;
        for burst in bursts {
            for _ in 0..*burst {
                let _ = room.send(format!("message {number}"));
                number += 1;
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let following = follow(screen, async |line: String| {
        shown.add(line);
        sleep(slowness).await;
    });
    // Who talks does so first.
    tokio::join!(biased; talking, following);
    log.lines()
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("message {number}")).collect()
}

#[test]
fn a_burst_is_followed_by_what_is_left_of_it() {
    check(async {
        if_it_hangs(
            Hang::Spinning,
            "lagged-may-be-skipped",
            "The room has closed, and `recv` answers so at once, again and again.",
        );
        let lines = followed(&[40, 1], Duration::from_millis(1)).await;
        if lines.is_empty() || lines.len() == 1 && !lines[0].contains("24 missed") {
            wrong(
                "lagged-is-closed",
                format!(
                    "40 messages were said at once into a ring of 16, and one a second later. Shown \
                     was {lines:?}, and that was all."
                ),
            );
        }
        if lines == texts(24..41) {
            wrong(
                "lagged-may-be-skipped",
                "40 messages were said at once into a ring of 16. The first that is shown is \
                 message 24, and nothing says that 24 are missing.",
            );
        }
        if lines.len() < 18 && lines[0] == "(24 missed)" {
            let then = lines.get(1).map_or("nothing", String::as_str);
            wrong(
                "resubscribe-catches-up",
                format!(
                    "40 messages were said at once into a ring of 16: 24 were overwritten, 16 were \
                     still there. After `(24 missed)` comes {then}."
                ),
            );
        }
        let mut expected = vec!["(24 missed)".to_owned()];
        expected.extend(texts(24..41));
        same("what is shown", lines, expected);
    });
}

#[test]
fn a_slow_screen_lags_more_than_once() {
    check(async {
        let lines = followed(&[20, 20, 20], Duration::from_millis(300)).await;
        let (mut came, mut missed) = (0, 0);
        for line in &lines {
            if let Some(count) = line
                .strip_prefix('(')
                .and_then(|line| line.strip_suffix(" missed)"))
            {
                missed += count.parse::<usize>().unwrap_or(0);
            } else {
                same(
                    "the next line",
                    line.as_str(),
                    format!("message {}", came + missed),
                );
                came += 1;
            }
        }
        same(
            "how many of 60 messages are shown or said to be missed",
            came + missed,
            60,
        );
    });
}

#[test]
fn what_fits_is_shown_whole_and_a_closed_room_ends_it() {
    check(async {
        same(
            "a burst that fits",
            followed(&[16], Duration::from_millis(1)).await,
            texts(0..16),
        );
        same(
            "a silent room",
            followed(&[0], Duration::from_millis(1)).await,
            texts(0..0),
        );
    });
}
