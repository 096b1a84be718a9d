// As many workers as may run at a time. Each takes the next job when it has done one.

use std::sync::Mutex;

use futures::future::join_all;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let jobs = Mutex::new(jobs.into_iter().enumerate());
    let worker = async || {
        let mut done = Vec::new();
        loop {
            // A statement of its own, so that the lock is free during the job. Nobody panics under it.
            let next = jobs.lock().unwrap().next();
            let Some((index, job)) = next else {
                return done;
            };
            done.push((index, job.await));
        }
    };
    let mut results = join_all((0..limit).map(|_| worker())).await.concat();
    results.sort_unstable();
    results.into_iter().map(|(_, result)| result).collect()
}
