// misconception: errors-surface-by-themselves

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
    for letter in letters {
        tokio::spawn(send(letter, log.clone()));
    }
    // Long enough for the slowest letter.
    sleep(Duration::from_secs(5)).await;
    Ok(count)
}
