// misconception: handles-come-as-they-end

pub async fn quorum<R>(replicas: Vec<R>, wanted: usize) -> Option<Vec<u32>>
where
    R: Future<Output = Result<u32, String>> + Send + 'static,
{
    let tasks: Vec<_> = replicas.into_iter().map(tokio::spawn).collect();
    let mut tasks = tasks.into_iter();
    let mut answers = Vec::new();
    while answers.len() < wanted {
        if let Ok(Ok(answer)) = tasks.next()?.await {
            answers.push(answer);
        }
    }
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
    Some(answers)
}
