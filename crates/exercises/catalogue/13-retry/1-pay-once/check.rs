use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::time::sleep;

use super::exercise::{ATTEMPTS, Bank, Failure, PAUSE, pay};

/// How long `pay` waits for an answer that is lost.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// What happens in one call.
#[derive(Clone, Copy)]
enum Step {
    Refuse,
    /// The bank does it, and its answer is lost.
    LoseTheAnswer,
    /// The request is lost, and the bank never sees it.
    LoseTheRequest,
    Decline,
    Answer,
}

use Step::{Answer, Decline, LoseTheAnswer, LoseTheRequest, Refuse};

/// Does in each call what its script says, and at its end the last step for ever.
struct Scripted {
    script: Vec<Step>,
    knows_keys: bool,
    keys: Cell<u32>,
    used: RefCell<HashSet<String>>,
    calls: Cell<usize>,
    charged: RefCell<Vec<u32>>,
}

impl Scripted {
    fn new(knows_keys: bool, script: &[Step]) -> Self {
        Self {
            script: script.to_vec(),
            knows_keys,
            keys: Cell::new(0),
            used: RefCell::default(),
            calls: Cell::new(0),
            charged: RefCell::default(),
        }
    }

    fn charge_now(&self, cents: u32, key: Option<&str>) {
        let key = key.filter(|_| self.knows_keys);
        if key.is_none_or(|key| self.used.borrow_mut().insert(key.to_owned())) {
            self.charged.borrow_mut().push(cents);
        }
    }

    fn charges(&self) -> usize {
        self.charged.borrow().len()
    }
}

impl Bank for Scripted {
    fn new_key(&self) -> Option<String> {
        self.keys.set(self.keys.get() + 1);
        self.knows_keys.then(|| format!("key {}", self.keys.get()))
    }

    async fn charge(&self, cents: u32, key: Option<&str>) -> Result<(), Failure> {
        let step = self.script[self.calls.get().min(self.script.len() - 1)];
        self.calls.set(self.calls.get() + 1);
        match step {
            Refuse => Err(Failure::Refused),
            Decline => Err(Failure::Declined),
            LoseTheAnswer => {
                self.charge_now(cents, key);
                sleep(ANSWER_TIME).await;
                Err(Failure::TimedOut)
            }
            LoseTheRequest => {
                sleep(ANSWER_TIME).await;
                Err(Failure::TimedOut)
            }
            Answer => {
                self.charge_now(cents, key);
                Ok(())
            }
        }
    }
}

#[test]
fn with_a_key_a_lost_answer_is_charged_once() {
    check(async {
        let bank = Scripted::new(true, &[LoseTheAnswer, Refuse, Answer]);
        let result = pay(&bank, 1999).await;
        if bank.charges() > 1 && bank.keys.get() > 1 {
            wrong(
                "a-key-for-each-attempt",
                format!(
                    "The first answer was lost. `pay` asked the bank for {} keys and charged {} \
                     times: to the bank these were different payments.",
                    bank.keys.get(),
                    bank.charges()
                ),
            );
        }
        if bank.calls.get() == 1 {
            wrong(
                "never-a-post-again",
                "The first answer was lost, and `pay` gave up after 1 call, although the bank knows \
                 keys: nobody knows now whether the customer has paid.",
            );
        }
        same("the charges", bank.charged.take(), [1999]);
        same("the result", result, Ok(()));
        same("the calls", bank.calls.get(), 3);
    });
}

#[test]
fn without_a_key_a_lost_answer_is_not_asked_for_again() {
    check(async {
        for script in [[Refuse, LoseTheAnswer], [Refuse, LoseTheRequest]] {
            let bank = Scripted::new(false, &script);
            let result = pay(&bank, 500).await;
            if bank.charges() > 1 {
                wrong(
                    "a-timeout-is-not-done",
                    format!(
                        "This bank knows no keys. Its answer was lost, `pay` sent the payment again, \
                         and the customer was charged {} times.",
                        bank.charges()
                    ),
                );
            }
            if bank.calls.get() > 2 {
                wrong(
                    "a-timeout-is-not-done",
                    "This bank knows no keys, and a call timed out. `pay` sent the payment again, \
                     and could not know that it had not been done.",
                );
            }
            if bank.calls.get() == 1 {
                wrong(
                    "never-a-post-again",
                    "The first call was refused, so nothing was sent. `pay` gave up after it.",
                );
            }
            same("the result", result, Err(Failure::TimedOut));
        }
    });
}

#[test]
fn what_was_never_sent_is_sent_again() {
    check(async {
        for knows_keys in [false, true] {
            let bank = Scripted::new(knows_keys, &[Refuse, Refuse, Answer]);
            let (result, time) = took(pay(&bank, 700)).await;
            if bank.calls.get() == 1 {
                wrong(
                    "never-a-post-again",
                    "Nobody listened, so nothing was sent. `pay` gave up after 1 call, and there \
                     was no harm in another one.",
                );
            }
            same("the result", result, Ok(()));
            same("the charges", bank.charged.take(), [700]);
            same("the time of two pauses", time, 2 * PAUSE);
        }
    });
}

#[test]
fn a_declined_card_is_asked_for_once() {
    check(async {
        for knows_keys in [true, false] {
            let bank = Scripted::new(knows_keys, &[Decline]);
            let (result, time) = took(pay(&bank, 800)).await;
            if bank.calls.get() > 1 {
                wrong(
                    "every-failure-may-pass",
                    format!(
                        "The bank said no, and was asked {} times in {}.",
                        bank.calls.get(),
                        seconds(time)
                    ),
                );
            }
            same("the result", result, Err(Failure::Declined));
        }
    });
}

#[test]
fn it_gives_up_after_the_last_attempt() {
    check(async {
        for (knows_keys, step, failure, time) in [
            (false, Refuse, Failure::Refused, (ATTEMPTS - 1) * PAUSE),
            (true, Refuse, Failure::Refused, (ATTEMPTS - 1) * PAUSE),
            (
                true,
                LoseTheAnswer,
                Failure::TimedOut,
                (ATTEMPTS - 1) * PAUSE + ATTEMPTS * ANSWER_TIME,
            ),
        ] {
            let bank = Scripted::new(knows_keys, &[step]);
            let (result, seen) = took(pay(&bank, 900)).await;
            same("the result", result, Err(failure));
            same("the calls", bank.calls.get(), 4);
            same("the time", seen, time);
        }
    });
}

#[test]
fn two_payments_of_the_same_amount_are_both_charged() {
    check(async {
        let bank = Scripted::new(true, &[Answer]);
        same("the first result", pay(&bank, 300).await, Ok(()));
        same("the second result", pay(&bank, 300).await, Ok(()));
        same("the charges", bank.charged.take(), [300, 300]);
    });
}
