// misconception: notify-is-an-event

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
            self.bell.notified().await;
            if let Some(letter) = self.take().await {
                return letter;
            }
        }
    }
}
