// misconception: dropped-handle-cancels

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

pub async fn quorum<R>(replicas: Vec<R>, wanted: usize) -> Option<Vec<u32>>
where
    R: Future<Output = Result<u32, String>> + Send + 'static,
{
    let mut tasks: FuturesUnordered<_> = replicas.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    while answers.len() < wanted {
        if let Ok(Ok(answer)) = tasks.next().await? {
            answers.push(answer);
        }
    }
    Some(answers)
}
