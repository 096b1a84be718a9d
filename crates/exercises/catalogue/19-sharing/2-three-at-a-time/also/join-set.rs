// At most `limit` tasks in a set: when it is full, one has to end first.

use tokio::task::JoinSet;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let mut results = vec![0; jobs.len()];
    let mut tasks = JoinSet::new();
    let mut waiting = jobs.into_iter().enumerate();
    loop {
        while tasks.len() < limit
            && let Some((index, job)) = waiting.next()
        {
            tasks.spawn(async move { (index, job.await) });
        }
        let Some(done) = tasks.join_next().await else {
            return results;
        };
        // If a job has panicked, so do we.
        let (index, result) = done.unwrap();
        results[index] = result;
    }
}
