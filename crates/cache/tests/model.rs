//! `Lru` and `Cache` do what a slow model does, for any sequence of calls.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io;
use std::time::Duration;

use cache::{Cache, Lru, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

#[derive(Clone, Copy, Debug)]
enum Call {
    Get(u8),
    Insert(u8, u32),
    Remove(u8),
}

fn call() -> impl Strategy<Value = Call> {
    // More keys than there is room for.
    let key = 0_u8..8;
    prop_oneof![
        key.clone().prop_map(Call::Get),
        (key.clone(), any::<u32>()).prop_map(|(key, value)| Call::Insert(key, value)),
        key.prop_map(Call::Remove),
    ]
}

/// A list, with what was used last at its end.
#[derive(Default)]
struct Model(Vec<(u8, u32)>);

impl Model {
    fn take(&mut self, key: u8) -> Option<u32> {
        let place = self.0.iter().position(|(k, _)| *k == key)?;
        Some(self.0.remove(place).1)
    }

    fn insert(&mut self, key: u8, value: u32, capacity: usize) -> Option<(u8, u32)> {
        let former = self.take(key).map(|former| (key, former));
        self.0.push((key, value));
        if self.0.len() > capacity {
            return Some(self.0.remove(0));
        }
        former
    }
}

proptest! {
    #[test]
    fn an_lru_is_a_list_in_the_order_of_use(capacity in 0_usize..6, calls in vec(call(), 0..80)) {
        let mut lru = Lru::new(capacity);
        let mut model = Model::default();
        let mut evicted = 0;
        for call in calls {
            match call {
                Call::Get(key) => {
                    let found = model.take(key);
                    model.0.extend(found.map(|value| (key, value)));
                    prop_assert_eq!(lru.get(&key).copied(), found);
                }
                Call::Insert(key, value) => {
                    let before = model.0.len();
                    let displaced = model.insert(key, value, capacity);
                    let is_another = displaced.is_some_and(|(gone, _)| gone != key);
                    evicted += u64::from(is_another && before == capacity);
                    prop_assert_eq!(lru.insert(key, value), displaced);
                }
                Call::Remove(key) => prop_assert_eq!(lru.remove(&key), model.take(key)),
            }
            prop_assert_eq!(lru.len(), model.0.len());
            prop_assert_eq!(lru.is_empty(), model.0.is_empty());
            prop_assert_eq!(lru.evicted(), evicted);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u8),
    Invalidate(u8),
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..6).prop_map(Step::Ask),
        1 => (0_u8..6).prop_map(Step::Invalidate),
        2 => (0_u8..7).prop_map(Step::Wait),
    ]
}

proptest! {
    /// One caller after the other. The model keeps key, value and the moment of each fetch in the
    /// order of use.
    #[test]
    fn a_cache_is_an_lru_whose_values_age(
        capacity in 0_usize..5,
        fresh in 0_u64..6,
        stale in 0_u64..4,
        steps in vec(step(), 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let second = Duration::from_secs(1);
        let policy = Policy {
            stale: second * u32::try_from(stale).unwrap(),
            ..Policy::new(capacity, second * u32::try_from(fresh).unwrap())
        };
        runtime.block_on(async {
            // The answer is the number of the call, which takes no time.
            let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
            let counter = calls.clone();
            let cache = Cache::new(policy, move |_key: u8| {
                let call = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                async move { io::Result::Ok(call) }
            });
            let start = Instant::now();
            let mut model: Vec<(u8, u32, u64)> = Vec::new();
            let mut expected_calls = 0;
            for step in steps {
                let now = start.elapsed().as_secs();
                match step {
                    Step::Ask(key) => {
                        let place = model.iter().position(|(k, ..)| *k == key);
                        let old = place.map(|place| model.remove(place));
                        let age = |(.., since): (u8, u32, u64)| now - since;
                        let expected = match old {
                            Some(entry) if age(entry) < fresh => {
                                model.push(entry);
                                entry.1
                            }
                            _ => {
                                expected_calls += 1;
                                model.push((key, expected_calls, now));
                                if model.len() > capacity {
                                    model.remove(0);
                                }
                                match old {
                                    Some(entry) if age(entry) < fresh + stale => entry.1,
                                    _ => expected_calls,
                                }
                            }
                        };
                        prop_assert_eq!(cache.get(&key).await.unwrap(), expected);
                        // For the flight of a stale value to land.
                        sleep(Duration::ZERO).await;
                        tokio::task::yield_now().await;
                    }
                    Step::Invalidate(key) => {
                        cache.invalidate(&key);
                        model.retain(|(k, ..)| *k != key);
                    }
                    Step::Wait(seconds) => sleep(second * u32::from(seconds)).await,
                }
                prop_assert_eq!(cache.info().entries, model.len());
                prop_assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), expected_calls);
            }
            Ok(())
        })?;
    }
}
