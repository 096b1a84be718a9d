// misconception: runtime-waits-for-tasks

use std::time::Duration;

use exercises::Log;
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
    let tasks: Vec<_> = letters
        .into_iter()
        .map(|letter| tokio::spawn(send(letter, log.clone())))
        .collect();
    for task in tasks {
        task.await.map_err(|error| error.to_string())??;
    }
    Ok(count)
}
