// Handles that abort their tasks when they are dropped, in a stream that gives them as they end.

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio_util::task::AbortOnDropHandle;

pub async fn quorum<R>(replicas: Vec<R>, wanted: usize) -> Option<Vec<u32>>
where
    R: Future<Output = Result<u32, String>> + Send + 'static,
{
    let mut tasks: FuturesUnordered<_> = replicas
        .into_iter()
        .map(|replica| AbortOnDropHandle::new(tokio::spawn(replica)))
        .collect();
    let mut answers = Vec::new();
    while answers.len() < wanted {
        if let Ok(Ok(answer)) = tasks.next().await? {
            answers.push(answer);
        }
    }
    tasks.iter().for_each(AbortOnDropHandle::abort);
    while tasks.next().await.is_some() {}
    Some(answers)
}
