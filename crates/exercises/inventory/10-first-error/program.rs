use std::time::Duration;

use tokio::time::sleep;

async fn step(name: &str, seconds: u64, good: bool) -> Result<(), String> {
    sleep(Duration::from_secs(seconds)).await;
    println!("{name}");
    if good {
        Ok(())
    } else {
        Err(format!("{name} failed"))
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let result = tokio::try_join!(step("a", 1, true), step("b", 2, false), step("c", 3, true));
    println!("{result:?}");
    sleep(Duration::from_secs(5)).await;
}
