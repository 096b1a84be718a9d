// A `watch` as a stream: each item is what is the newest when it is asked for.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::join_all;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

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
        let mut latest = WatchStream::from_changes(first.clone());
        async move {
            page.opened().await;
            while let Some(update) = latest.next().await {
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
