// Gather with a limit                                        fix, chapter 19-sharing
//
// `gather` runs jobs together, no more than `limit` of them at the same time, and gives their
// results in the order of the input. With a limit of three and three jobs it does. With a fourth job
// it never ends. Mend it: at most `limit` jobs run at a time, and when one has ended the next one
// begins. (The limit is one at the least.)

use futures::future::join_all;
use tokio::sync::Semaphore;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let permits = Semaphore::new(limit);
    let mut limited = Vec::new();
    for job in jobs {
        // Fails when the semaphore is closed, which nobody does.
        let permit = permits.acquire().await.unwrap();
        limited.push(async move {
            let result = job.await;
            drop(permit);
            result
        });
    }
    join_all(limited).await
}
