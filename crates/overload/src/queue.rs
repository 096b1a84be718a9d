//! A small rush, for the picture.

use std::time::Duration;

use common::Stage;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::load::until;
use crate::{End, Policy, Service, Times, caller, policies};

/// One worker, five requests a second.
const SLOW: Times = Times {
    workers: 1,
    work: Duration::from_millis(200),
    patience: Duration::from_millis(501),
};

/// Five at once, and then one every quarter of a second: four fifths of what the service can do.
const CAME: [u64; 9] = [0, 0, 0, 0, 0, 250, 500, 750, 1000];

/// The first policy and the last one. Its queue has a single place.
pub(crate) fn shown() -> [Policy; 2] {
    let [no_bound, .., refuse] = policies(1);
    [no_bound, refuse]
}

/// How it ends for each of the nine callers, and how many requests were done in vain.
pub(crate) async fn nine_callers(policy: Policy) -> (Vec<End>, usize) {
    let (service, workers) = Service::start(policy, SLOW);
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for (number, came) in (1..).zip(CAME) {
        until(start + Duration::from_millis(came)).await;
        let caller = caller(service.clone(), number);
        callers.spawn(async move { (number, caller.await.0) });
    }
    drop(service);
    let mut ends = callers.join_all().await;
    ends.sort_unstable_by_key(|(number, _)| *number);
    let in_vain = workers.join_all().await.into_iter().sum();
    (ends.into_iter().map(|(_, end)| end).collect(), in_vain)
}

/// A letter for each caller.
pub(crate) async fn queue(stage: &Stage) {
    for policy in shown() {
        stage.scene(policy.name);
        let (ends, in_vain) = nine_callers(policy).await;
        let letters = ends.iter().map(|end| match end {
            End::Answered => 'a',
            End::Refused => 'r',
            End::GaveUp => 'g',
        });
        let letters: String = letters.collect();
        println!("{:10}{letters}  done in vain: {in_vain}", policy.name);
    }
    println!("a: answered, r: refused, g: gave up");
}
