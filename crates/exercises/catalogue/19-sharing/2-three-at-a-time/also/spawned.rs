// A task is made when there is a permit for it. It runs by itself, and takes the permit along.

use std::sync::Arc;

use tokio::sync::Semaphore;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(limit));
    let mut tasks = Vec::new();
    for job in jobs {
        // Fails when the semaphore is closed, which nobody does.
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        tasks.push(tokio::spawn(async move {
            let result = job.await;
            drop(permit);
            result
        }));
    }
    let mut results = Vec::new();
    for task in tasks {
        // If a job has panicked, so do we.
        results.push(task.await.unwrap());
    }
    results
}
