// The set owns the tasks: it gives them in the order in which they end, and its drop aborts them.
// `shutdown` waits until the aborted ones have ended, too.

use tokio::task::JoinSet;

pub async fn quorum<R>(replicas: Vec<R>, wanted: usize) -> Option<Vec<u32>>
where
    R: Future<Output = Result<u32, String>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for replica in replicas {
        tasks.spawn(replica);
    }
    let mut answers = Vec::new();
    while answers.len() < wanted {
        // Without a next one, all have ended.
        if let Ok(Ok(answer)) = tasks.join_next().await? {
            answers.push(answer);
        }
    }
    tasks.shutdown().await;
    Some(answers)
}
