// The letters in a `watch` channel: their lock and their bell in one. `subscribe` before the look.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

pub struct Mailbox {
    letters: watch::Sender<VecDeque<u32>>,
}

impl Mailbox {
    pub fn new() -> Self {
        Self {
            letters: watch::Sender::new(VecDeque::new()),
        }
    }

    pub fn put(&self, letter: u32) {
        self.letters
            .send_modify(|letters| letters.push_back(letter));
    }

    async fn take(&self) -> Option<u32> {
        let mut letter = None;
        self.letters.send_if_modified(|letters| {
            letter = letters.pop_front();
            false // nobody waits for fewer letters
        });
        if letter.is_none() {
            sleep(Duration::from_secs(1)).await;
        }
        letter
    }

    pub async fn receive(&self) -> u32 {
        loop {
            let mut changes = self.letters.subscribe();
            if let Some(letter) = self.take().await {
                return letter;
            }
            // It fails without a sender, and we are one.
            let _ = changes.changed().await;
        }
    }
}
