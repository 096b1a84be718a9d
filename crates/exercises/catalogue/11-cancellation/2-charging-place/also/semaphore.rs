// A semaphore has such a guard already: its permit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

/// A charging station with some places. Clones share them.
#[derive(Clone)]
pub struct Station(Arc<Semaphore>);

impl Station {
    pub fn new(places: u32) -> Self {
        Self(Arc::new(Semaphore::new(places as usize)))
    }

    /// How many places are free.
    pub fn free(&self) -> u32 {
        // It began as a `u32`.
        self.0.available_permits() as u32
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Car {
    pub plug_fits: bool,
    pub minutes: u64,
}

/// Takes ten seconds.
async fn connect(car: Car) -> Result<(), &'static str> {
    sleep(Duration::from_secs(10)).await;
    if car.plug_fits {
        Ok(())
    } else {
        Err("the plug does not fit")
    }
}

/// Charges a car; an error, if no place is free or the plug does not fit.
pub async fn charge(station: &Station, car: Car) -> Result<(), &'static str> {
    let Ok(_place) = station.0.try_acquire() else {
        return Err("no place is free");
    };
    connect(car).await?;
    sleep(Duration::from_mins(car.minutes)).await;
    Ok(())
}
