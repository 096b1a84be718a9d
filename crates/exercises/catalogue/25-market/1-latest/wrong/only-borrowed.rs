// misconception: borrowed-is-seen

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::watch;

/// A price as a browser gets it: `ACME 98.70`.
pub type Update = Arc<str>;

/// A page in somebody's browser.
pub trait Page {
    /// Waits until somebody opens the page, which may be long after the first price.
    async fn opened(&mut self);

    /// Draws a price. How long that takes depends on the browser and its line.
    async fn draw(&mut self, update: Update);
}

/// Shows on `pages` the prices that `exchange` gives, until it gives no more.
pub async fn serve(mut exchange: impl AsyncFnMut() -> Option<Update>, pages: Vec<impl Page>) {
    let (sender, first) = watch::channel(None);
    let shows = pages.into_iter().map(|mut page| {
        let mut latest = first.clone();
        async move {
            page.opened().await;
            loop {
                // At once what there is, and then what changes.
                let update = latest.borrow().clone();
                if let Some(update) = update {
                    page.draw(update).await;
                }
                if latest.changed().await.is_err() {
                    return;
                }
            }
        }
    });
    let shows = join_all(shows);
    let feed = async move {
        while let Some(update) = exchange().await {
            sender.send_replace(Some(update));
        }
    };
    tokio::join!(feed, shows);
}
