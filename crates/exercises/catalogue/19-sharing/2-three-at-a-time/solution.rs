// Each future asks for its permit by itself, when it is polled. Whoever has one is then polled as
// well, and gives it back at its end.

use futures::future::join_all;
use tokio::sync::Semaphore;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let permits = Semaphore::new(limit);
    let limited = jobs.into_iter().map(async |job| {
        // Fails when the semaphore is closed, which nobody does. The name keeps the permit.
        let _permit = permits.acquire().await.unwrap();
        job.await
    });
    join_all(limited).await
}
