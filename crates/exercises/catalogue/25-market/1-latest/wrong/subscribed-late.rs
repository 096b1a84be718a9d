// misconception: who-subscribes-sees-the-latest

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
    let (sender, _) = watch::channel(None);
    let sender = Arc::new(sender);
    let shows = pages.into_iter().map(|mut page| {
        // Weak, so that the feed alone decides when it ends.
        let source = Arc::downgrade(&sender);
        async move {
            page.opened().await;
            let Some(sender) = source.upgrade() else {
                return;
            };
            // From here on the page needs prices, and no sooner.
            let mut latest = sender.subscribe();
            drop(sender);
            while latest.changed().await.is_ok() {
                let update = latest.borrow_and_update().clone();
                if let Some(update) = update {
                    page.draw(update).await;
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
