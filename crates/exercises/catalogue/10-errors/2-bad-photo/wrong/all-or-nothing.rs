// misconception: first-error-ends-it

use std::time::Duration;

use futures::future::try_join_all;
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
    let names: Vec<_> = photos.iter().map(|photo| photo.name).collect();
    let tasks = photos.into_iter().map(|photo| tokio::spawn(shrink(photo)));
    match try_join_all(tasks).await {
        Ok(sizes) => sizes.into_iter().map(Ok).collect(),
        Err(_) => names
            .into_iter()
            .map(|name| Err(format!("{name}: crashed")))
            .collect(),
    }
}
