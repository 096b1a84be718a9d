// The latest price                                                  fix, chapter 25-market
//
// `serve` shows the prices of an exchange in browsers. Each page draws every price there ever was:
// one that draws slowly is later with each price, and one that is opened late begins with the
// oldest. What they have not drawn yet lies in memory. Mend it: when a page is ready, it draws the
// newest price at once if it has not drawn it yet, and else waits for the next one. It draws the
// last price of all, too. For each page at most one price waits, and the exchange waits for nobody.

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
        let (sender, mut updates) = mpsc::unbounded_channel();
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
                // It fails when the page is gone, and here no page goes.
                let _ = sender.send(Arc::clone(&update));
            }
        }
    };
    tokio::join!(feed, join_all(shows));
}
