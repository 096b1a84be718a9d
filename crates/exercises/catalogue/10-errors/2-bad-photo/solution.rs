// The panic stops at the edge of its task, and the handle has it as an `Err`. That is one result
// among the others, under the name that was kept beside the handle.

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
        tasks.push((photo.name, tokio::spawn(shrink(photo))));
    }
    let mut results = Vec::new();
    for (name, task) in tasks {
        results.push(task.await.map_err(|_| format!("{name}: crashed")));
    }
    results
}
