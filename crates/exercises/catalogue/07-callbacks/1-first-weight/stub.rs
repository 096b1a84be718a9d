// The first weight                                      complete, chapter 07-callbacks
//
// The driver of a scale calls back with a weight whenever the scale is at rest: once, or again and
// again. When the scale is switched off, it drops the callback, and perhaps it has never called it.
// `weigh` hands a callback to `start`, which starts the driver, and gives the first weight, however
// late it comes. Later ones do not matter. It fails as soon as no weight can come any more. Who
// awaits `weigh` may give up at any time, and the driver must not suffer for it.

/// What the driver of a scale calls, in grams.
pub type Callback = Box<dyn FnMut(u32) + Send>;

#[derive(Debug, PartialEq)]
pub struct NoWeight;

pub async fn weigh(start: impl FnOnce(Callback)) -> Result<u32, NoWeight> {
    let callback = |grams: u32| todo!("hand {grams} g to the one who waits");
    start(Box::new(callback));
    todo!("wait for the first weight")
}
