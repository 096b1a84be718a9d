// Without tasks: the panic is caught at the edge of each future, while it is polled.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::time::sleep;

#[derive(Debug)]
pub struct Photo {
    pub name: &'static str,
    pub seconds: u64,
    pub bytes: &'static [u8],
}

/// The size of the small photo. The decoder trusts what it reads, and some photos are broken.
pub async fn shrink(photo: Photo) -> u32 {
    sleep(Duration::from_secs(photo.seconds)).await;
    let (width, height) = (photo.bytes[0], photo.bytes[1]);
    u32::from(width) * u32::from(height) / 4
}

pub async fn shrink_all(photos: Vec<Photo>) -> Vec<Result<u32, String>> {
    let futures = photos.into_iter().map(async |photo| {
        let name = photo.name;
        // What the future held is gone when it has panicked, so nobody sees it half changed.
        let caught = AssertUnwindSafe(shrink(photo)).catch_unwind().await;
        caught.map_err(|_| format!("{name}: crashed"))
    });
    join_all(futures).await
}
