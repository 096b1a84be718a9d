// misconception: printed-is-handled

use std::time::Duration;

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
    let mut tasks = Vec::new();
    for photo in photos {
        tasks.push(tokio::spawn(shrink(photo)));
    }
    let mut results = Vec::new();
    for task in tasks {
        // The panic has been printed already.
        if let Ok(size) = task.await {
            results.push(Ok(size));
        }
    }
    results
}
