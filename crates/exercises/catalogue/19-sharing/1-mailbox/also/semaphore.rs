// A permit for each letter. A semaphore counts, so nothing can be lost, and nobody has to look at
// an empty box.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Semaphore;

pub struct Mailbox {
    letters: Mutex<VecDeque<u32>>,
    waiting: Semaphore,
}

impl Mailbox {
    pub fn new() -> Self {
        Self {
            letters: Mutex::new(VecDeque::new()),
            waiting: Semaphore::new(0),
        }
    }

    pub fn put(&self, letter: u32) {
        // Nobody panics under this lock.
        self.letters.lock().unwrap().push_back(letter);
        self.waiting.add_permits(1);
    }

    pub async fn receive(&self) -> u32 {
        // Nobody closes it, and for each permit there is a letter.
        self.waiting.acquire().await.unwrap().forget();
        self.letters.lock().unwrap().pop_front().unwrap()
    }
}
