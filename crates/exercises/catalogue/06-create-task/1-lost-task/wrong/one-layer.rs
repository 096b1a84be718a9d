// misconception: one-layer-of-errors

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
    let tasks: Vec<_> = letters
        .into_iter()
        .map(|letter| tokio::spawn(send(letter, log.clone())))
        .collect();
    let mut sent = 0;
    let mut failure = None;
    for task in tasks {
        match task.await {
            Ok(_) => sent += 1,
            Err(error) => failure = Some(error.to_string()),
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(sent),
    }
}
