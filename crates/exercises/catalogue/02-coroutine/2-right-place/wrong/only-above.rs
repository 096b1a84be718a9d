// misconception: await-anywhere

use std::time::Duration;

use tokio::time::sleep;

pub async fn fetch(name: &str) -> String {
    sleep(Duration::from_secs(1)).await;
    format!("{name} is fine")
}

pub fn report(name: &str) -> String {
    let text = fetch(name).await;
    format!("[{text}]")
}

pub async fn summary() -> String {
    let one = report("one");
    let two = report("two");
    format!("{one} {two}")
}
