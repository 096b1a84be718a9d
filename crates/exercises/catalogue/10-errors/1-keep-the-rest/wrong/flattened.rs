// misconception: flatten-unpacks

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
    let answers = join_all(stations.iter().map(ask)).await;
    let names = stations.iter().map(|station| station.name);
    Report {
        readings: names.zip(answers.into_iter().flatten()).collect(),
        failures: Vec::new(),
    }
}
