// misconception: join-all-keeps-panics

use std::time::Duration;

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
    // No handle, so nothing to unwrap: `join_all` keeps everything.
    let sizes = join_all(photos.into_iter().map(shrink)).await;
    sizes.into_iter().map(Ok).collect()
}
