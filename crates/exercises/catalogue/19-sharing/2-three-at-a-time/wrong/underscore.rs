// misconception: permit-is-a-ticket

use futures::future::join_all;
use tokio::sync::Semaphore;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let permits = Semaphore::new(limit);
    let limited = jobs.into_iter().map(async |job| {
        let _ = permits.acquire().await.unwrap();
        job.await
    });
    join_all(limited).await
}
