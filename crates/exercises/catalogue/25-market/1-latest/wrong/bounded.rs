// misconception: own-queue-own-pace

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::mpsc;

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
    let mut senders = Vec::new();
    let mut shows = Vec::new();
    for mut page in pages {
        // A queue that cannot grow, and one for each page, so that none is in the way of another.
        let (sender, mut updates) = mpsc::channel(1);
        senders.push(sender);
        shows.push(async move {
            page.opened().await;
            while let Some(update) = updates.recv().await {
                page.draw(update).await;
            }
        });
    }
    let feed = async move {
        while let Some(update) = exchange().await {
            for sender in &senders {
                let _ = sender.send(Arc::clone(&update)).await;
            }
        }
    };
    tokio::join!(feed, join_all(shows));
}
