//! The same job with callbacks and with `await`, and how to turn the one into the other.
//!
//! The client library of a shop takes callbacks, and calls them on a thread of its own. You will
//! see three calls that need each other's results, with errors, in both styles; then a callback
//! that comes twice, one that never comes, and one that comes when nobody waits any more.
//!
//! ```console
//! $ cargo run -p callbacks
//! ```
//!
//! In Python: `loop.create_future()`, and `loop.call_soon_threadsafe(future.set_result, value)`.

mod shop;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use common::{Stage, Trace as _};
use shop::{Orders, Shop, ShopError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

const USERS: [&str; 3] = ["ada", "bob", "eve"];

/// Three steps, each inside the one before it. Each must not forget to hand on the error.
fn orders_by_callback(
    shop: &Shop,
    user: &str,
    done: impl FnOnce(Result<Orders, ShopError>) + Send + 'static,
) {
    // The callbacks run when this function is long over: they own what they use.
    let shop_2 = shop.clone();
    shop.log_in(user, move |session| match session {
        Err(error) => done(Err(error)),
        Ok(session) => {
            let shop_3 = shop_2.clone();
            shop_2.load_profile(session, move |profile| match profile {
                Err(error) => done(Err(error)),
                Ok(profile) => shop_3.load_orders(profile, done),
            });
        }
    });
}

/// The same three steps. `?` hands on the errors, and what they use can be borrowed.
async fn orders(shop: &Shop, user: &str) -> Result<Orders, ShopError> {
    let session = answer(|done| shop.log_in(user, done)).await?;
    let profile = answer(|done| shop.load_profile(session, done)).await?;
    answer(|done| shop.load_orders(profile, done)).await
}

/// A callback as a value. Boxed, because each closure has a type of its own.
type Callback<T> = Box<dyn FnOnce(Result<T, ShopError>) + Send>;

/// Turns a call that takes a callback into a future: the callback sends, the future receives.
async fn answer<T: Send + 'static>(call: impl FnOnce(Callback<T>)) -> Result<T, ShopError> {
    let (sender, receiver) = oneshot::channel();
    call(Box::new(move |result| {
        // Fails if the receiver is gone: whoever waited has given up. The result comes back.
        if let Err(unwanted) = sender.send(result) {
            let kind = if unwanted.is_ok() { "result" } else { "error" };
            println!("  a {kind} that nobody waits for ({})", whose_thread());
        }
    }));
    // Fails if the sender is gone: the callback was dropped, and will never be called.
    receiver.await?
}

/// Waits for a callback that never comes, one second at the most.
async fn in_stock(shop: &Shop, case: &str) {
    let start = Instant::now();
    let price = answer(|done| shop.when_in_stock(done)).traced(format!("in_stock({case})"));
    match timeout(Duration::from_secs(1), price).await {
        Ok(Ok(price)) => println!("  {case}: {price}"),
        Ok(Err(error)) => println!("  {case}: {error}, after {}", seconds(start)),
        Err(_) => println!("  {case}: gave up after {}", seconds(start)),
    }
}

/// Half a second from now the shop throws away the callbacks that it has kept.
fn close_soon(shop: Shop) {
    tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        shop.close();
    });
}

/// The caller gives up before the callback comes. The shop does not hear of it.
async fn too_late(shop: &Shop) {
    let start = Instant::now();
    let orders = orders(shop, "ada").traced("orders(ada)");
    if timeout(Duration::from_millis(100), orders).await.is_err() {
        println!("  gave up after {}", seconds(start));
    }
    // The shop answers one call after the other: when it has answered this one, it has called back
    // for the one above.
    let next = answer(|done| shop.log_in("eve", done)).await;
    println!("  next call: {}", text(&next));
}

/// A callback that may come more than once is a channel. Its first message is one answer, and there
/// may be others.
async fn called_twice(shop: &Shop) {
    let (sender, receiver) = oneshot::channel();
    let (others, mut other_calls) = mpsc::unbounded_channel();
    // `send` uses the sender up. Who may be called twice has to say what then happens.
    let mut sender = Some(sender);
    shop.load_offers(move |result| match sender.take() {
        Some(sender) => {
            let _ = sender.send(result);
        }
        None => {
            let _ = others.send(result);
        }
    });
    if let Ok(first) = receiver.await {
        println!("  first call: {}", text(&first));
    }
    // Ends when the library drops the callback, and with it `others`.
    while let Some(result) = other_calls.recv().await {
        println!("  called again: {}", text(&result));
    }
}

fn text<T: std::fmt::Debug>(result: &Result<T, ShopError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

fn seconds(start: Instant) -> String {
    format!("{:.1} s", start.elapsed().as_secs_f64())
}

fn whose_thread() -> &'static str {
    if thread::current().name() == Some(shop::THREAD) {
        "on the shop's thread"
    } else {
        "on the loop's thread"
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("The same job with callbacks and with await.")
        .begin()
        .await;
    let shop = match Shop::open() {
        Ok(shop) => shop,
        Err(error) => {
            eprintln!("callbacks: cannot start a thread: {error}");
            return ExitCode::FAILURE;
        }
    };

    println!("callbacks");
    let start = Instant::now();
    for user in USERS {
        // Without this, `main` would go on, and end before it is called back.
        let (finished, wait) = oneshot::channel();
        orders_by_callback(&shop, user, move |orders| {
            println!("  {user}: {} ({})", text(&orders), whose_thread());
            let _ = finished.send(());
        });
        println!("  {user}: asked");
        let _ = wait.await;
    }
    println!("  {}", seconds(start));

    stage.scene("await");
    println!("await");
    let start = Instant::now();
    for user in USERS {
        let orders = orders(&shop, user).traced(format!("orders({user})")).await;
        println!("  {user}: {} ({})", text(&orders), whose_thread());
    }
    println!("  {}", seconds(start));

    stage.scene("never called");
    println!("never called");
    in_stock(&shop, "kept").await;
    close_soon(shop.clone());
    in_stock(&shop, "lost").await;

    stage.scene("called too late");
    println!("called too late");
    too_late(&shop).await;

    println!("called twice");
    called_twice(&shop).await;

    stage.finish()
}
