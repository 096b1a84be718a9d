//! Who is served first: `asyncio.PriorityQueue` by hand, and who starves.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::{Stage, Trace as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep};

use crate::TENTH;

/// A bounded queue that gives out the item with the smallest key first; of equal keys, the one that
/// came first. Any number of tasks may put and get.
pub(crate) struct PriorityQueue<K, T> {
    /// Locked for one push or pop and never across an await: a lock of std will do.
    state: Mutex<State<K, T>>,
    /// A permit for each free place.
    places: Semaphore,
    /// A permit for each item. A `Notify` would not do: it remembers one call, and two items that
    /// come while nobody waits are two.
    items: Semaphore,
}

struct State<K, T> {
    heap: BinaryHeap<Entry<K, T>>,
    /// How many have come so far.
    arrivals: u64,
    is_closed: bool,
}

struct Entry<K, T> {
    key: K,
    arrival: u64,
    item: T,
}

// The items are not compared, so they need not be comparable.
impl<K: Ord, T> Ord for Entry<K, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The other way round: `BinaryHeap` has the greatest on top, Python's heapq the smallest.
        (&other.key, other.arrival).cmp(&(&self.key, self.arrival))
    }
}

impl<K: Ord, T> PartialOrd for Entry<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> PartialEq for Entry<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Ord, T> Eq for Entry<K, T> {}

impl<K: Ord, T> PriorityQueue<K, T> {
    /// An empty queue with room for `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                heap: BinaryHeap::new(),
                arrivals: 0,
                is_closed: false,
            }),
            places: Semaphore::new(capacity),
            items: Semaphore::new(0),
        }
    }

    /// Waits for a place and puts `item` there.
    ///
    /// # Errors
    ///
    /// If the queue was closed: the item comes back.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, it drops the item, as the `send` of a channel does.
    pub(crate) async fn put(&self, key: K, item: T) -> Result<(), T> {
        let Ok(place) = self.places.acquire().await else {
            return Err(item);
        };
        // From here on there is no await, so nobody can drop us between the place and the item.
        let mut state = self.state();
        if state.is_closed {
            return Err(item); // since we got the place; the permit is given back
        }
        place.forget(); // `get` gives it back
        let arrival = state.arrivals;
        state.arrivals += 1;
        state.heap.push(Entry { key, arrival, item });
        drop(state);
        self.items.add_permits(1);
        Ok(())
    }

    /// Waits for an item. `None`: the queue was closed, and there is none left.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, it has taken nothing.
    pub(crate) async fn get(&self) -> Option<T> {
        match self.items.acquire().await {
            Ok(permit) => permit.forget(),
            // A closed semaphore is an error for everyone, also where permits are left: from then
            // on the heap alone says whether there is an item. And an error takes nothing from the
            // task's budget: without this, one worker would empty the heap in a single turn.
            Err(_) => consume_budget().await,
        }
        let entry = self.state().heap.pop()?;
        self.places.add_permits(1);
        Some(entry.item)
    }

    /// Takes no more items. Those that are there can still be taken.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.places.close();
        self.items.close();
    }

    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn priority(stage: &Stage) {
    let queue = PriorityQueue::new(4);
    for (key, name) in [(2, "b"), (1, "a"), (2, "c"), (0, "now")] {
        let _ = queue.put(key, name).await; // it is not closed
    }
    queue.close();
    let mut order = Vec::new();
    while let Some(name) = queue.get().await {
        order.push(name);
    }
    println!("order: {}", order.join(" "));

    stage.scene("two_channels");
    println!("two channels: {}", two_channels().await.join(" "));
    stage.scene("by_priority");
    let treated = by_key(|is_urgent| !is_urgent).await; // `false` is smaller
    println!("by priority:  {}", treated.join(" "));
    stage.scene("by_deadline");
    // The moment by which somebody should be treated comes nearer for everyone.
    let patience = |is_urgent| if is_urgent { 0 } else { 3 };
    let treated = by_key(|is_urgent| Instant::now() + patience(is_urgent) * TENTH).await;
    println!("by deadline:  {}", treated.join(" "));
}

/// Who comes, and how long after the one before: three normal patients at the start, and ten urgent
/// ones, a little faster than they can be treated.
fn arrivals() -> impl Iterator<Item = (Duration, bool, String)> {
    let normal = (1..=3).map(|number| (Duration::ZERO, false, format!("n{number}")));
    let urgent = (1..=10).map(|number| {
        let after = if number == 1 { 0 } else { 80 };
        (Duration::from_millis(after), true, format!("u{number}"))
    });
    normal.chain(urgent)
}

async fn treat(name: &str) {
    sleep(TENTH).traced(format_args!("treat({name})")).await;
}

/// One channel for each priority. `biased` polls the arms from top to bottom.
async fn two_channels() -> Vec<String> {
    let (urgent_tx, mut urgent) = mpsc::channel(16);
    let (normal_tx, mut normal) = mpsc::channel(16);
    let arrive = async move {
        for (after, is_urgent, name) in arrivals() {
            if !after.is_zero() {
                sleep(after).await; // also a sleep of zero may wait for the next millisecond
            }
            let tx = if is_urgent { &urgent_tx } else { &normal_tx };
            let _ = tx.send(name).await;
        }
    };
    let treat_all = async {
        let mut treated = Vec::new();
        loop {
            let name = tokio::select! {
                biased;
                Some(name) = urgent.recv() => name,
                Some(name) = normal.recv() => name,
                else => return treated, // both have ended
            };
            treat(&name).await;
            treated.push(name);
        }
    };
    tokio::join!(arrive, treat_all).1
}

/// One queue. Who has the smallest key is treated first.
async fn by_key<K: Ord>(key: impl Fn(bool) -> K) -> Vec<String> {
    let queue = PriorityQueue::new(16);
    let arrive = async {
        for (after, is_urgent, name) in arrivals() {
            if !after.is_zero() {
                sleep(after).await; // also a sleep of zero may wait for the next millisecond
            }
            let _ = queue.put(key(is_urgent), name).await;
        }
        queue.close();
    };
    let treat_all = async {
        let mut treated = Vec::new();
        while let Some(name) = queue.get().await {
            treat(&name).await;
            treated.push(name);
        }
        treated
    };
    tokio::join!(arrive, treat_all).1
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    fn position(treated: &[String], name: &str) -> usize {
        treated.iter().position(|other| other == name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_normal_ones_starve_until_nobody_urgent_comes() {
        for treated in [two_channels().await, by_key(|is_urgent| !is_urgent).await] {
            assert_eq!(treated.len(), 13);
            assert_eq!(
                treated[..10].iter().filter(|n| n.starts_with('u')).count(),
                10
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn with_deadlines_nobody_starves_and_the_urgent_still_come_first() {
        let start = Instant::now();
        let patience = |is_urgent| if is_urgent { 0 } else { 3 };
        let treated = by_key(|is_urgent| Instant::now() + patience(is_urgent) * TENTH).await;
        assert_eq!(start.elapsed(), 13 * TENTH, "it is never idle");
        assert_eq!(treated[0], "u1");
        assert!(
            position(&treated, "n3") < position(&treated, "u10"),
            "{treated:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn of_equal_keys_the_first_comes_first() {
        let queue = PriorityQueue::new(100);
        for number in 0..100 {
            queue.put(number % 3, number).await.unwrap();
        }
        queue.close();
        let mut order = Vec::new();
        while let Some(number) = queue.get().await {
            order.push(number);
        }
        let mut expected: Vec<i32> = (0..100).collect();
        expected.sort_by_key(|number| number % 3); // this sort keeps the order of equals
        assert_eq!(order, expected);
    }

    /// asyncio's `LifoQueue`: the key falls.
    #[tokio::test(start_paused = true)]
    async fn with_a_key_that_falls_the_last_comes_first() {
        let queue = PriorityQueue::new(3);
        for (number, name) in (0..).zip(["a", "b", "c"]) {
            queue.put(Reverse(number), name).await.unwrap();
        }
        for name in ["c", "b", "a"] {
            assert_eq!(queue.get().await, Some(name));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_makes_put_wait() {
        let queue = PriorityQueue::new(1);
        queue.put(1, "a").await.unwrap();
        assert!(timeout(TENTH, queue.put(0, "dropped")).await.is_err());
        let start = Instant::now();
        let later = async {
            sleep(TENTH).await;
            queue.get().await
        };
        let (put, got) = tokio::join!(queue.put(0, "b"), later);
        assert_eq!((put, got), (Ok(()), Some("a")));
        assert_eq!(start.elapsed(), TENTH);
        assert_eq!(queue.get().await, Some("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_get_has_taken_nothing() {
        let queue = PriorityQueue::new(1);
        assert!(timeout(TENTH, queue.get()).await.is_err());
        // Woken, and dropped before it is polled again.
        let mut get = Box::pin(queue.get());
        assert!(timeout(TENTH, &mut get).await.is_err());
        queue.put(1, "a").await.unwrap();
        drop(get);
        assert_eq!(timeout(TENTH, queue.get()).await, Ok(Some("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn closed_it_wakes_everyone_and_gives_out_what_is_left() {
        let queue = Arc::new(PriorityQueue::new(1));
        queue.put(1, "left").await.unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..3 {
            let queue = Arc::clone(&queue);
            waiting.spawn(async move { queue.put(1, "refused").await });
        }
        sleep(TENTH).await;
        queue.close();
        assert_eq!(waiting.join_all().await, [Err("refused"); 3]);
        assert_eq!(queue.put(1, "late").await, Err("late"));
        assert_eq!(queue.get().await, Some("left"));
        assert_eq!(queue.get().await, None);

        let queue = Arc::new(PriorityQueue::<u32, u32>::new(1));
        let getter = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.get().await }
        });
        sleep(TENTH).await;
        queue.close();
        assert_eq!(getter.await.unwrap(), None);
    }

    /// Whatever is put is got once, or comes back; among several threads too.
    #[test]
    fn nothing_is_lost_among_threads() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .build()
            .unwrap();
        for close_after in [0, 10, 500, 1_000] {
            let all = runtime.block_on(put_and_get(close_after));
            assert_eq!(all, (0..1_000).collect::<Vec<_>>(), "{close_after}");
        }
    }

    /// Four tasks put 250 numbers each, four get them; who gets number `close_after` closes. All
    /// that was got or came back, sorted.
    async fn put_and_get(close_after: usize) -> Vec<u32> {
        let queue = Arc::new(PriorityQueue::new(3));
        let so_far = Arc::new(AtomicUsize::new(0));
        if close_after == 0 {
            queue.close();
        }
        let mut ends = JoinSet::new();
        for producer in 0..4 {
            let door = Arc::clone(&queue);
            ends.spawn(async move {
                let mut back = Vec::new();
                for number in 0..250 {
                    back.extend(door.put(number % 5, producer * 250 + number).await.err());
                }
                back
            });
            let (queue, so_far) = (Arc::clone(&queue), Arc::clone(&so_far));
            ends.spawn(async move {
                let mut got = Vec::new();
                while let Some(number) = queue.get().await {
                    got.push(number);
                    if so_far.fetch_add(1, Relaxed) + 1 == close_after {
                        queue.close();
                    }
                }
                got
            });
        }
        let mut all = ends.join_all().await.concat();
        all.sort_unstable();
        all
    }
}
