// misconception: batches-are-a-limit

use futures::future::join_all;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let mut results = Vec::new();
    let mut waiting = jobs.into_iter();
    loop {
        let batch: Vec<J> = waiting.by_ref().take(limit).collect();
        if batch.is_empty() {
            return results;
        }
        results.extend(join_all(batch).await);
    }
}
