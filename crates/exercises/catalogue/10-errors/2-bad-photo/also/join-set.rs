// A set tells of a task that panicked only by its id. So the ids are kept, each with a place.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::JoinSet;
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
    let mut results: Vec<Result<u32, String>> = photos
        .iter()
        .map(|photo| Err(format!("{}: crashed", photo.name)))
        .collect();
    let mut tasks = JoinSet::new();
    let mut places = HashMap::new();
    for (place, photo) in photos.into_iter().enumerate() {
        places.insert(tasks.spawn(shrink(photo)).id(), place);
    }
    while let Some(ended) = tasks.join_next_with_id().await {
        if let Ok((id, size)) = ended {
            results[places[&id]] = Ok(size);
        }
    }
    results
}
