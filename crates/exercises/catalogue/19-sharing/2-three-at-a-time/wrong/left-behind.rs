// misconception: permit-is-a-ticket

use tokio::sync::Semaphore;

pub async fn gather<J>(jobs: Vec<J>, limit: usize) -> Vec<u32>
where
    J: Future<Output = u32> + Send + 'static,
{
    let permits = Semaphore::new(limit);
    let mut tasks = Vec::new();
    for job in jobs {
        let _permit = permits.acquire().await.unwrap();
        tasks.push(tokio::spawn(job));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
