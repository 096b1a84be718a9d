// As in Python: a place for the price and a bell, for each page. A bell that rings already stays as
// it is.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::Notify;

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
    let desks: Vec<Desk> = pages.iter().map(|_| Desk::default()).collect();
    let shows = pages.into_iter().zip(&desks).map(async |(mut page, desk)| {
        page.opened().await;
        loop {
            let update = desk.update.take();
            if let Some(update) = update {
                page.draw(update).await;
            } else if desk.has_ended.get() {
                return;
            } else {
                desk.bell.notified().await;
            }
        }
    });
    let feed = async {
        while let Some(update) = exchange().await {
            for desk in &desks {
                desk.update.replace(Some(Arc::clone(&update)));
                desk.bell.notify_one();
            }
        }
        for desk in &desks {
            desk.has_ended.set(true);
            desk.bell.notify_one();
        }
    };
    tokio::join!(feed, join_all(shows));
}

#[derive(Default)]
struct Desk {
    update: RefCell<Option<Update>>,
    has_ended: Cell<bool>,
    bell: Notify,
}
