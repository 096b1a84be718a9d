use std::sync::Arc;
use std::time::Duration;

use exercises::{Hang, check, if_it_hangs, same, seconds, took, wrong};
use tokio::time::{sleep, timeout};

use super::exercise::Mailbox;

const HOUR: Duration = Duration::from_secs(3600);

/// Somebody comes by after that many milliseconds and puts in these letters.
fn post(mail: &Arc<Mailbox>, milliseconds: u64, letters: &'static [u32]) {
    let mail = Arc::clone(mail);
    tokio::spawn(async move {
        sleep(Duration::from_millis(milliseconds)).await;
        for &letter in letters {
            mail.put(letter);
        }
    });
}

#[test]
fn a_letter_that_lies_in_the_box_is_received_at_once() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "notify-is-an-event",
            "A letter was put into the box. Then somebody came to receive it, and waits for a bell \
             that has rung already.",
        );
        let mail = Mailbox::new();
        mail.put(1);
        let (letter, time) = took(mail.receive()).await;
        same("the letter", letter, 1);
        same("the time", seconds(time), "0.0 s");
    });
}

#[test]
fn a_letter_that_comes_while_the_log_is_written_is_received() {
    check(async {
        if_it_hangs(
            Hang::Pending,
            "nothing-comes-in-between",
            "The box was empty at 0.0 s. A letter came at 0.5 s, and lies in the box. Whoever \
             should receive it wrote to the log until 1.0 s, and then began to wait for the bell.",
        );
        let mail = Arc::new(Mailbox::new());
        post(&mail, 500, &[1]);
        let (letter, time) = took(mail.receive()).await;
        same("the letter", letter, 1);
        if time > Duration::from_secs(1) {
            wrong(
                "look-again-later",
                format!(
                    "The letter came at 0.5 s, and the log was written at 1.0 s. The letter was \
                     received at {} s: somebody looked again by chance, and nobody told him.",
                    time.as_secs_f64()
                ),
            );
        }
    });
}

#[test]
fn who_waits_for_the_bell_has_the_letter_at_once() {
    check(async {
        let mail = Arc::new(Mailbox::new());
        post(&mail, 5250, &[1]);
        let (letter, time) = took(mail.receive()).await;
        same("the letter", letter, 1);
        if time > Duration::from_millis(5250) {
            wrong(
                "look-again-later",
                format!(
                    "The letter came at 5.25 s and was received at {} s. Nobody was told that it \
                     was there: it was found when somebody happened to look.",
                    time.as_secs_f64()
                ),
            );
        }
        same("the time", time, Duration::from_millis(5250));
    });
}

#[test]
fn two_letters_for_two_people_are_both_received() {
    check(async {
        let mail = Arc::new(Mailbox::new());
        let people = [1, 2].map(|_| {
            let mail = Arc::clone(&mail);
            tokio::spawn(async move { timeout(HOUR, mail.receive()).await })
        });
        post(&mail, 500, &[1, 2]);
        let mut letters = Vec::new();
        for person in people {
            letters.extend(person.await.unwrap());
        }
        letters.sort_unstable();
        match letters[..] {
            [] => wrong(
                "nothing-comes-in-between",
                "Two people waited, and two letters came at 0.5 s, while they wrote to the log. An \
                 hour later neither had one.",
            ),
            [_] => wrong(
                "permits-add-up",
                "Two people waited, and two letters came at 0.5 s, while they wrote to the log. One \
                 person received a letter. The other waited for the bell an hour later, and the \
                 second letter was in the box.",
            ),
            _ => same("the letters", letters, [1, 2]),
        }
    });
}

#[test]
fn who_gives_up_takes_no_letter_along() {
    check(async {
        let mail = Arc::new(Mailbox::new());
        post(&mail, 500, &[1]);
        let first = timeout(Duration::from_millis(700), mail.receive()).await;
        if first.is_err() {
            let second = timeout(HOUR, mail.receive()).await;
            assert!(
                second.is_ok(),
                "Somebody gave up at 0.7 s, after a letter had come at 0.5 s. Then somebody else \
                 came to receive, and an hour later he had none."
            );
        }
        let third = timeout(HOUR, mail.receive()).await;
        same("whether there is a second letter", third.is_ok(), false);
    });
}
