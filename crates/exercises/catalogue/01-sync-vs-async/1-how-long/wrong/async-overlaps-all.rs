// misconception: async-makes-it-concurrent

use std::thread;
use std::time::Duration;

use tokio::time::sleep;

pub const WAITS: [u64; 3] = [30, 10, 20];

pub const ONE_BY_ONE: u64 = 60;
pub const JOINED: u64 = 30;
pub const BLOCKING_JOINED: u64 = 30;
pub const IN_THREADS: u64 = 30;

async fn wait(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds)).await;
}

async fn block(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

pub async fn one_by_one() {
    for milliseconds in WAITS {
        wait(milliseconds).await;
    }
}

pub async fn joined() {
    let [a, b, c] = WAITS;
    tokio::join!(wait(a), wait(b), wait(c));
}

pub async fn blocking_joined() {
    let [a, b, c] = WAITS;
    tokio::join!(block(a), block(b), block(c));
}

pub fn in_threads() {
    thread::scope(|scope| {
        for milliseconds in WAITS {
            scope.spawn(move || thread::sleep(Duration::from_millis(milliseconds)));
        }
    });
}
