// One bell for all                                        fix, chapter 19-sharing
//
// Who finds the mailbox empty notes that in the log, which takes a second, and then waits for the
// bell. A letter that comes during that second lies in the box, and he waits for ever. Mend it,
// and leave the second to the log: who is writing has the letter when he has written, at the
// latest; who waits for the bell has it at the moment when it is put in; two letters for two
// people are received by both, also if they come at the same moment.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// Whoever comes by puts letters in, and several people in the house receive them.
pub struct Mailbox {
    letters: Mutex<VecDeque<u32>>,
    bell: Notify,
}

impl Mailbox {
    pub fn new() -> Self {
        Self {
            letters: Mutex::new(VecDeque::new()),
            bell: Notify::new(),
        }
    }

    /// Puts a letter in and rings.
    pub fn put(&self, letter: u32) {
        // Nobody panics under this lock.
        self.letters.lock().unwrap().push_back(letter);
        self.bell.notify_waiters();
    }

    /// Looks. That the box was empty is noted in the log, which takes a second.
    async fn take(&self) -> Option<u32> {
        let letter = self.letters.lock().unwrap().pop_front();
        if letter.is_none() {
            sleep(Duration::from_secs(1)).await;
        }
        letter
    }

    /// Waits for a letter. No two people receive the same one.
    pub async fn receive(&self) -> u32 {
        loop {
            if let Some(letter) = self.take().await {
                return letter;
            }
            self.bell.notified().await;
        }
    }
}
