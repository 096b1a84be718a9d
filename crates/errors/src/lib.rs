//! [`TaskGroup`]: what `asyncio.TaskGroup` promises in Python, built on tokio's [`JoinSet`].

use std::fmt;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Tasks that end together: none of them outlives [`join`](Self::join), and no error is lost.
///
/// - The first child that returns an error or panics cancels the group's token, at that moment,
///   whether somebody awaits the group or not.
/// - [`join`](Self::join) comes back when every child has ended, its cleaning up included.
/// - [`join`](Self::join) reports every error and every panic, in the order in which the children
///   ended.
///
/// In Python: `async with asyncio.TaskGroup() as group:`, and `group.create_task(…)`.
///
/// # Cancelling is a request
///
/// A child is not dropped when its siblings fail. It is asked to stop: the token that it was given
/// is cancelled, and the child decides what to do about it. So it can await while it cleans up,
/// which a dropped future cannot. What it returns then is up to it: an error is reported like any
/// other, and a value is discarded, because `join` returns the errors.
///
/// # Limits
///
/// - A child that ignores its token is waited for, as Python waits for a task that swallows
///   `CancelledError`.
/// - Children cannot add children: whoever has the group spawns.
/// - Children own what they use (`'static`): they cannot borrow from the function that spawns
///   them, because that function can be dropped while they run.
/// - When the group, or the future of `join`, is dropped, the token is cancelled and the children
///   are aborted: they are dropped, and nobody waits for that. A `drop` cannot await.
/// - The body between `new` and `join` is not cancelled when a child fails. A body that waits for
///   something else can watch [`token`](Self::token); one that fails itself should cancel that
///   token and still `join`.
/// - Where panics abort the process (`panic = "abort"`), no panic is ever reported.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
///
/// use errors::TaskGroup;
/// use tokio::time::sleep;
///
/// let mut group = TaskGroup::new();
/// group.spawn(|_| async {
///     sleep(Duration::from_secs(1)).await;
///     Err("connection reset")
/// });
/// group.spawn(|token| async move {
///     // `None` when the token is cancelled first. The inner future is dropped then, this one goes on.
///     if token.run_until_cancelled(sleep(Duration::from_secs(60))).await.is_none() {
///         sleep(Duration::from_millis(500)).await; // Cleans up, and may await.
///     }
///     Ok(())
/// });
///
/// let start = tokio::time::Instant::now();
/// let error = group.join().await.unwrap_err();
/// assert_eq!(error.to_string(), "1 task failed: connection reset");
/// assert_eq!(start.elapsed(), Duration::from_millis(1500));
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a group that is dropped aborts its children; `join` waits for them"]
pub struct TaskGroup<T, E> {
    /// The result of a child, and its place in the order of spawning.
    children: JoinSet<(usize, Result<T, E>)>,
    /// Cancels when the group is dropped, so that tasks which the children made hear of it too.
    token: DropGuard,
}

impl<T: Send + 'static, E: Send + 'static> TaskGroup<T, E> {
    /// An empty group.
    pub fn new() -> Self {
        Self::under(&CancellationToken::new())
    }

    /// An empty group that is cancelled together with `parent`, such as the token of a server that
    /// shuts down. An error in the group does not cancel `parent`.
    pub fn under(parent: &CancellationToken) -> Self {
        Self {
            children: JoinSet::new(),
            token: parent.child_token().drop_guard(),
        }
    }

    /// The token that the children are given, and that is cancelled with the first failure.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        self.token.token()
    }

    /// Starts a child. `child` is called at once, with the group's token, and makes its future.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    pub fn spawn<F>(&mut self, child: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let place = self.children.len();
        let guard = self.token().clone().drop_guard();
        let child = child(self.token().clone());
        self.children.spawn(async move {
            let result = child.await;
            // Any other way out of this task cancels the siblings: an error, and also a panic,
            // for which no line of this task runs, except what is dropped.
            if result.is_ok() {
                guard.disarm();
            }
            (place, result)
        });
    }

    /// Waits for all children. Their values come in the order in which they were spawned.
    ///
    /// # Errors
    ///
    /// If at least one child returned an error or panicked: all of these. The values of the others
    /// are dropped.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when this future is dropped, the children are aborted.
    pub async fn join(mut self) -> Result<Vec<T>, GroupError<E>> {
        let mut values = Vec::with_capacity(self.children.len());
        let mut failures = Vec::new();
        while let Some(ended) = self.children.join_next().await {
            match ended {
                Ok((place, Ok(value))) => values.push((place, value)),
                Ok((_, Err(error))) => failures.push(Failure::Returned(error)),
                Err(error) => failures.push(Failure::Died(error)),
            }
        }
        if !failures.is_empty() {
            return Err(GroupError { failures });
        }
        values.sort_unstable_by_key(|(place, _)| *place);
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }
}

impl<T: Send + 'static, E: Send + 'static> Default for TaskGroup<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

/// How a child failed.
#[derive(Debug)]
pub enum Failure<E> {
    /// It returned an error.
    Returned(E),
    /// It panicked; or the runtime was shut down while it ran ([`JoinError::is_cancelled`]).
    Died(JoinError),
}

/// All failures of a [`TaskGroup`], at least one. In Python: `ExceptionGroup`.
#[derive(Debug)]
pub struct GroupError<E> {
    /// In the order in which the children ended: the first one cancelled the others.
    pub failures: Vec<Failure<E>>,
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Hands on the flags: `{:#}` prints the whole chain of an `anyhow::Error`.
            Self::Returned(error) => error.fmt(f),
            Self::Died(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.failures.len();
        write!(
            f,
            "{count} task{} failed",
            if count == 1 { "" } else { "s" }
        )?;
        for (place, failure) in self.failures.iter().enumerate() {
            f.write_str(if place == 0 { ": " } else { "; " })?;
            failure.fmt(f)?;
        }
        Ok(())
    }
}

// No `source`: an error has one source at most, and these are several. Walk `failures` instead.
impl<E: fmt::Debug + fmt::Display> std::error::Error for GroupError<E> {}
