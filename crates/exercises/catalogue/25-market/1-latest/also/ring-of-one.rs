// A ring with one place holds the latest price. Whoever has lost others is told so, and asks again.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

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
    let (sender, _) = broadcast::channel(1);
    let shows = pages.into_iter().map(|mut page| {
        let mut updates = sender.subscribe();
        async move {
            page.opened().await;
            loop {
                match updates.recv().await {
                    Ok(update) => page.draw(update).await,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        }
    });
    let shows = join_all(shows);
    let feed = async move {
        while let Some(update) = exchange().await {
            // It fails when there are no pages.
            let _ = sender.send(update);
        }
    };
    tokio::join!(feed, shows);
}
