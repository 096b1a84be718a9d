//! How long a lock is held that nobody gave a name.

use tokio::sync::Mutex;

/// Whether the lock is held at this moment. In its place, `jobs.lock().await` would wait for ever.
fn look(place: &str, jobs: &Mutex<Vec<u32>>) {
    let held = jobs.try_lock().is_err();
    println!("{place}: {}", if held { "held" } else { "free" });
}

/// A guard without a name is a temporary value, and lives as long as the statement that made it.
pub(crate) async fn guard() -> anyhow::Result<()> {
    let jobs = Mutex::new(vec![1, 2, 3]);
    match jobs.lock().await.pop() {
        Some(_) => look("in an arm of match", &jobs),
        None => anyhow::bail!("there were three jobs"),
    }
    if let Some(2) = jobs.lock().await.pop() {
        look("in the body of if let", &jobs);
    }
    if let Some(4) = jobs.lock().await.pop() {
        look("in the body of if let", &jobs);
    } else {
        look("in the else of if let", &jobs); // held before edition 2024
    }
    jobs.lock().await.push(4);
    while let Some(_job) = jobs.lock().await.pop() {
        look("in the body of while let", &jobs);
    }
    if jobs.lock().await.is_empty() {
        look("in the body of if", &jobs);
    }
    // The cure: a statement of its own.
    let job = jobs.lock().await.pop();
    match job {
        Some(_) => anyhow::bail!("there were no jobs left"),
        None => look("after let", &jobs),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tokio::time::timeout;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_guard_in_a_match_is_held_in_its_arms() {
        let jobs = Mutex::new(vec![1]);
        let work = async {
            match jobs.lock().await.pop() {
                Some(job) => jobs.lock().await.push(job + 1), // a job may lead to another one
                None => unreachable!("there is one"),
            }
        };
        assert!(timeout(HOUR, work).await.is_err());

        let jobs = Mutex::new(vec![1]);
        let work = async {
            let job = jobs.lock().await.pop();
            match job {
                Some(job) => jobs.lock().await.push(job + 1),
                None => unreachable!("there is one"),
            }
        };
        assert!(timeout(HOUR, work).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_guard_in_an_if_let_is_held_in_its_body_and_not_in_its_else() {
        let jobs = Mutex::new(vec![1]);
        let body = async {
            if let Some(job) = jobs.lock().await.pop() {
                jobs.lock().await.push(job + 1);
            }
        };
        assert!(timeout(HOUR, body).await.is_err());
        let otherwise = async {
            if let Some(job) = jobs.lock().await.pop() {
                unreachable!("job {job} was taken");
            } else {
                jobs.lock().await.push(1);
            }
        };
        assert!(timeout(HOUR, otherwise).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_guard_in_a_while_let_is_held_in_its_body() {
        let jobs = Mutex::new(vec![1]);
        let work = async {
            while let Some(job) = jobs.lock().await.pop() {
                jobs.lock().await.push(job + 1);
            }
        };
        assert!(timeout(HOUR, work).await.is_err());
    }
}
