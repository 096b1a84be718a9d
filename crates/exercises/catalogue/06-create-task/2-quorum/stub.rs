// The first answers                                  complete, chapter 06-create-task
//
// A value is kept by several replicas. `quorum` asks all of them at the same time, each in a task
// of its own, and gives the first `wanted` answers in the order in which they come; `None`, if
// there are not so many. A replica that fails or panics gives no answer, and disturbs nobody. When
// `quorum` returns, every task has ended. If `quorum` itself is dropped, no task goes on.

pub async fn quorum<R>(replicas: Vec<R>, wanted: usize) -> Option<Vec<u32>>
where
    R: Future<Output = Result<u32, String>> + Send + 'static,
{
    todo!(
        "ask {} replicas until {wanted} of them have answered",
        replicas.len()
    )
}
