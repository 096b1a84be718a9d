//! What each form makes of an answer, an error, a second call, and no call at all.

use std::sync::mpsc as std_mpsc;

use super::*;
use shop::LATENCY;
use tokio::runtime::Handle;

/// What the callback brings, and whether it came on the shop's thread.
async fn by_callback(shop: &Shop, user: &str) -> (Result<Orders, ShopError>, bool) {
    let (sender, receiver) = oneshot::channel();
    orders_by_callback(shop, user, move |orders| {
        let on_shops_thread = thread::current().name() == Some(shop::THREAD);
        sender.send((orders, on_shops_thread)).unwrap();
    });
    receiver.await.unwrap()
}

// The clock is paused: it jumps to the next timer whenever every task waits. The shop's thread
// waits on the same clock, so the durations are exact.

#[tokio::test(start_paused = true)]
async fn both_styles_say_the_same_in_the_same_time() {
    let shop = Shop::open().unwrap();
    let expected = [
        ("ada", Ok(vec!["tea", "kettle"]), 3),
        ("bob", Err(ShopError::NoProfile), 2),
        ("eve", Err(ShopError::NoSuchUser), 1),
    ];
    for (user, expected, steps) in expected {
        let start = Instant::now();
        let (called_back, on_shops_thread) = by_callback(&shop, user).await;
        assert_eq!(called_back, expected);
        assert!(on_shops_thread);
        assert_eq!(start.elapsed(), LATENCY * steps, "{user}");

        let start = Instant::now();
        assert_eq!(orders(&shop, user).await, expected);
        assert_eq!(start.elapsed(), LATENCY * steps, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn code_after_an_await_stays_on_its_thread() {
    let shop = Shop::open().unwrap();
    let before = thread::current().id();
    let session = answer(|done| shop.log_in("ada", done)).await;
    assert!(session.is_ok());
    assert_eq!(thread::current().id(), before);
}

#[tokio::test(start_paused = true)]
async fn a_call_begins_when_its_future_is_first_polled() {
    let mut called = false;
    let future = answer(|done: Callback<()>| {
        called = true;
        done(Ok(()));
    });
    drop(future);
    assert!(!called);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_is_dropped_is_an_error_at_once() {
    let start = Instant::now();
    let result = answer(|done: Callback<()>| drop(done)).await;
    assert!(matches!(result, Err(ShopError::NeverCalled(_))));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_is_kept_is_waited_for() {
    let shop = Shop::open().unwrap();
    let price = answer(|done| shop.when_in_stock(done));
    let hour = Duration::from_hours(1);
    assert!(timeout(hour, price).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn closing_the_shop_ends_the_waiting() {
    let shop = Shop::open().unwrap();
    let closing = shop.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        closing.close();
    });
    let start = Instant::now();
    let price = answer(|done| shop.when_in_stock(done)).await;
    assert!(matches!(price, Err(ShopError::NeverCalled(_))));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_too_late_gets_the_value_back() {
    let (sender, receiver) = oneshot::channel();
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed(), "the producer can look before it works");
    assert_eq!(sender.send("tea"), Err("tea"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gave_up_does_not_disturb_the_next_one() {
    let shop = Shop::open().unwrap();
    let too_slow = timeout(LATENCY / 2, orders(&shop, "ada"));
    assert!(too_slow.await.is_err());
    assert_eq!(orders(&shop, "bob").await, Err(ShopError::NoProfile));
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_ends_the_thread_and_the_next_caller_is_told() {
    let shop = Shop::open().unwrap();
    shop.log_in("ada", |_| panic!("a bug in a callback"));
    let waiting = answer(|done| shop.log_in("ada", done)).await;
    assert!(matches!(waiting, Err(ShopError::NeverCalled(_))));
    let later = answer(|done| shop.log_in("ada", done)).await;
    assert!(matches!(later, Err(ShopError::NeverCalled(_))));
}

#[tokio::test(start_paused = true)]
async fn a_thread_of_somebody_else_knows_no_runtime() {
    // Where there is no runtime, `tokio::spawn` panics.
    let stranger = thread::spawn(|| Handle::try_current().is_err());
    assert!(stranger.join().unwrap());
    // A handle that was taken along works from there.
    let runtime = Handle::current();
    let stranger = thread::spawn(move || runtime.spawn(async { 7 }));
    assert_eq!(stranger.join().unwrap().await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_does_not_wait_for_a_thread() {
    let (go_on, gate) = std_mpsc::channel();
    let (sender, mut receiver) = oneshot::channel();
    let busy = thread::spawn(move || {
        gate.recv().unwrap();
        sender.send("tea").unwrap();
    });
    // An hour, and nobody has waited: the runtime sees a timer, and no thread.
    let hour = Duration::from_hours(1);
    assert!(timeout(hour, &mut receiver).await.is_err());
    // Without a timer the clock stands still, however long the thread takes.
    let start = Instant::now();
    go_on.send(()).unwrap();
    assert_eq!(receiver.await, Ok("tea"));
    assert_eq!(start.elapsed(), Duration::ZERO);
    busy.join().unwrap();
}
