// misconception: gather-lets-others-run

use std::time::Duration;

use exercises::Log;
use futures::future::try_join_all;
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
    let sent = try_join_all(letters.into_iter().map(|letter| send(letter, log.clone()))).await?;
    Ok(sent.len())
}
