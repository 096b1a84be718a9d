// misconception: block-on-inside

use std::time::Duration;

use tokio::time::sleep;

pub async fn fetch(name: &str) -> String {
    sleep(Duration::from_secs(1)).await;
    format!("{name} is fine")
}

pub fn report(name: &str) -> String {
    let text = tokio::runtime::Handle::current().block_on(fetch(name));
    format!("[{text}]")
}

pub async fn summary() -> String {
    let one = report("one");
    let two = report("two");
    format!("{one} {two}")
}
