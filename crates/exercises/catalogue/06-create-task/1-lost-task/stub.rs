// Lost in the post                                        fix, chapter 06-create-task
//
// `send_all` starts a task for each letter and says at once that all of them were sent. The program
// ends soon after, and the letters that are under way are lost. That an address was wrong, nobody
// hears. Mend it: the letters still go out at the same time, and when `send_all` returns, each has
// been sent or has failed. A wrong address stops no other letter. The result is the number of the
// letters, or, if some have failed, the error of one of them.

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
    Ok(count)
}
