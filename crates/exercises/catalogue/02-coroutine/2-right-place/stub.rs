// The right place for an await                  make it compile, chapter 02-coroutine
//
// `summary` joins two reports, each of which is fetched in a second, one after the other. It does
// not compile. Make it compile; the check awaits `summary()`.

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

pub fn summary() -> String {
    let one = report("one");
    let two = report("two");
    format!("{one} {two}")
}
