// misconception: abort-is-at-once

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
        if let Ok(Ok(answer)) = tasks.join_next().await? {
            answers.push(answer);
        }
    }
    tasks.abort_all();
    Some(answers)
}
