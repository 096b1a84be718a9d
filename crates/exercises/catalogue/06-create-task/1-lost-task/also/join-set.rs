// A set of tasks. It would drop those that are left, so the loop goes on after an error.

use std::time::Duration;

use exercises::Log;
use tokio::task::JoinSet;
use tokio::time::sleep;

#[derive(Debug)]
pub struct Letter {
    pub to: &'static str,
    pub seconds: u64,
}

pub async fn send(letter: Letter, log: Log) -> Result<(), String> {
    sleep(Duration::from_secs(letter.seconds)).await;
    if !letter.to.contains('@') {
        return Err(format!("{}: no such address", letter.to));
    }
    log.add(format!("{} has it", letter.to));
    Ok(())
}

pub async fn send_all(letters: Vec<Letter>, log: &Log) -> Result<usize, String> {
    let count = letters.len();
    let mut tasks = JoinSet::new();
    for letter in letters {
        tasks.spawn(send(letter, log.clone()));
    }
    let mut first_error = None;
    while let Some(joined) = tasks.join_next().await {
        let result = joined.unwrap_or_else(|panic| Err(panic.to_string()));
        first_error = first_error.or(result.err());
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(count),
    }
}
