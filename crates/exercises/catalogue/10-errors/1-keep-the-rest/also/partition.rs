// Each future brings its name along. The two lists are separated afterwards.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

/// A weather station.
#[derive(Clone, Debug)]
pub struct Station {
    pub name: &'static str,
    pub seconds: u64,
    pub answer: Result<i32, &'static str>,
}

/// What the stations say, by their names.
#[derive(Debug, Default)]
pub struct Report {
    pub readings: Vec<(&'static str, i32)>,
    pub failures: Vec<(&'static str, String)>,
}

/// The temperature. A station takes some seconds, also to fail.
pub async fn ask(station: &Station) -> Result<i32, String> {
    sleep(Duration::from_secs(station.seconds)).await;
    station.answer.map_err(str::to_owned)
}

pub async fn ask_all(stations: &[Station]) -> Report {
    let named = stations
        .iter()
        .map(async |station| match ask(station).await {
            Ok(degrees) => Ok((station.name, degrees)),
            Err(error) => Err((station.name, error)),
        });
    let (readings, failures) = join_all(named)
        .await
        .into_iter()
        .partition::<Vec<_>, _>(Result::is_ok);
    Report {
        readings: readings.into_iter().filter_map(Result::ok).collect(),
        failures: failures.into_iter().filter_map(Result::err).collect(),
    }
}
