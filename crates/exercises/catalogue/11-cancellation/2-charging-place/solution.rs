// The guard is made with no await between it and `take`, and it is part of the future. Whichever way
// out `charge` has, its end, `?`, or a drop at an await, the guard is dropped on it, and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// A charging station with some places. Clones share them.
#[derive(Clone)]
pub struct Station(Arc<AtomicU32>);

impl Station {
    pub fn new(places: u32) -> Self {
        Self(Arc::new(AtomicU32::new(places)))
    }

    /// How many places are free.
    pub fn free(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Takes a place, if one is free.
    pub fn take(&self) -> bool {
        let one_less = |free: u32| free.checked_sub(1);
        let taken = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        taken.is_ok()
    }

    pub fn give_back(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
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

/// A place that is taken. To drop it is to give it back.
struct Place(Station);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// Charges a car; an error, if no place is free or the plug does not fit.
pub async fn charge(station: &Station, car: Car) -> Result<(), &'static str> {
    if !station.take() {
        return Err("no place is free");
    }
    let _place = Place(station.clone());
    connect(car).await?;
    sleep(Duration::from_mins(car.minutes)).await;
    Ok(())
}
