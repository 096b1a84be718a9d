//! Work on several threads. What the checks do is mostly waiting for other processes.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// `work` on each of `all`, on up to four threads a processor. The results are in the order of
/// `all`.
pub(crate) fn map<T: Send, U: Send>(all: Vec<T>, work: impl Fn(T) -> U + Sync) -> Vec<U> {
    let processors = thread::available_parallelism().map_or(2, usize::from);
    let threads = (processors * 4).min(all.len());
    let results = Mutex::new(Vec::with_capacity(all.len()));
    let queue = Mutex::new(all.into_iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, one)) = next else { break };
                    let result = work(one);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_are_in_the_order_of_the_work() {
        let squares = super::map((0..100).collect(), |n: u32| n * n);
        assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
        assert!(super::map(Vec::<u32>::new(), |n| n).is_empty());
    }
}
