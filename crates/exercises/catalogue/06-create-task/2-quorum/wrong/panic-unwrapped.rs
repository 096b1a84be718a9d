// misconception: panic-ends-the-program

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
        // An error here would be a panic, and then this line would not be reached.
        if let Ok(answer) = tasks.join_next().await?.unwrap() {
            answers.push(answer);
        }
    }
    tasks.shutdown().await;
    Some(answers)
}
