// One bad photo                                                 fix, chapter 10-errors
//
// `shrink_all` makes small photos, all at the same time, each in a task of its own. If one photo is
// broken, the decoder panics, and the results of all of them are lost. Mend `shrink_all`: it gives
// one result for each photo, in their order. It is the size, or, if the decoder panicked, the error
// `NAME: crashed`.

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
        results.push(Ok(task.await.unwrap()));
    }
    results
}
