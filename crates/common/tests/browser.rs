//! The browser of the tests does what a person does.

use common::testing::browser::{Browser, ENTER, TAB};
use serde_json::json;

const PAGE: &str = "data:text/html,<title>page</title><meta name=viewport content='width=device-width'><form onsubmit='said.textContent=word.value;return false'>\
<input id=word><button>Say</button></form><p id=said></p><button id=bad onclick='nothing.here()'>Bad</button>";

#[tokio::test]
async fn it_types_clicks_and_reports_what_the_page_complains_of() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let window = browser.window(360, 640).await;
    window.open(PAGE).await;
    assert_eq!(
        window.run("return [innerWidth, document.title]").await,
        json!([360, "page"])
    );

    window.type_into("#word", "by keys").await;
    window.type_into("#word", ENTER).await;
    assert_eq!(window.text("#said").await, "by keys");

    window.run("word.focus()").await;
    window.press(&format!("!{TAB}{ENTER}")).await;
    window
        .until("the form is sent", "said.textContent === 'by keys!'")
        .await;

    window.prefer("prefers-color-scheme", "dark").await;
    let dark = window.run_with(
        "return matchMedia(arguments[0]).matches",
        json!(["(prefers-color-scheme: dark)"]),
    );
    assert_eq!(dark.await, true);

    assert_eq!(window.console().await, [""; 0]);
    window.click("#bad").await;
    let complaints = window.console().await;
    assert!(
        complaints.len() == 1 && complaints[0].contains("nothing is not defined"),
        "{complaints:?}"
    );

    let folder = std::env::temp_dir().join(format!("browser-{}.png", std::process::id()));
    window.screenshot(&folder).await;
    let image = std::fs::read(&folder).unwrap_or_default();
    let _ = std::fs::remove_file(&folder);
    assert!(image.starts_with(b"\x89PNG"), "{} bytes", image.len());

    // Another window is another person.
    let other = browser.window(1200, 800).await;
    other.open(PAGE).await;
    assert_eq!(other.text("#said").await, "");
    window.close().await;
}
