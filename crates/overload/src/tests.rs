use super::*;
use crate::load::{Seen, arrivals, percent, percentile, run};
use crate::queue::{nine_callers, shown};

const RATE: u32 = 20;

fn policy(name: &str, places: usize) -> Policy {
    let mut all = policies(places).into_iter();
    all.find(|policy| policy.name == name).unwrap()
}

/// Half a minute at this share of what the service can do, with ten places.
async fn at(load: u32, name: &str) -> Seen {
    run(
        policy(name, 10),
        USUAL,
        &arrivals(&[(RATE * load / 100, 30)]),
    )
    .await
}

/// Of a hundred callers, so many were answered; and of a hundred requests that were done, so many
/// in vain.
fn share(seen: &Seen) -> (usize, usize) {
    let done = seen.answered() + seen.in_vain;
    (
        percent(seen.answered(), seen.waited(|_| true).len()),
        percent(seen.in_vain, done),
    )
}

// The clock is paused: half a minute takes no time, and every wait is exact.
#[tokio::test(start_paused = true)]
async fn at_half_of_its_capacity_every_policy_answers_everybody() {
    for policy in policies(10) {
        assert_eq!(share(&at(50, policy.name).await), (100, 0), "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_caller_has_one_end_and_none_waits_beyond_its_patience() {
    for policy in policies(10) {
        for load in [90, 300] {
            let arrivals = arrivals(&[(RATE * load / 100, 8)]);
            let seen = run(policy, USUAL, &arrivals).await;
            let waited = seen.waited(|_| true);
            assert_eq!(waited.len(), arrivals.len(), "{policy:?}");
            assert!(*waited.last().unwrap() <= USUAL.patience, "{policy:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_a_bound_works_for_callers_who_have_gone() {
    assert_eq!(share(&at(200, "no bound").await), (4, 96));
}

#[tokio::test(start_paused = true)]
async fn a_line_in_front_of_a_bounded_queue_is_a_queue_without_a_bound() {
    for load in [90, 110, 200] {
        let no_bound = share(&at(load, "no bound").await).0;
        assert_eq!(share(&at(load, "bound").await).0, no_bound);
    }
}

#[tokio::test(start_paused = true)]
async fn to_skip_who_has_gone_is_to_begin_with_who_is_about_to_go() {
    assert_eq!(share(&at(110, "skip gone").await), (83, 14));
    assert_eq!(share(&at(200, "skip gone").await), (5, 90));
}

#[tokio::test(start_paused = true)]
async fn to_stop_when_a_caller_goes_is_not_enough() {
    assert_eq!(share(&at(200, "stop gone").await), (15, 85));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_passed_on_spares_all_work_in_vain() {
    let seen = at(200, "skip late").await;
    assert_eq!(share(&seen), (53, 0));
    // But the answers take nearly as long as callers wait, and so do the refusals.
    let answers = seen.waited(|end| end == End::Answered);
    assert!(percentile(&answers, 50).unwrap() > Duration::from_millis(900));
    let refusals = seen.waited(|end| end == End::Refused);
    assert!(percentile(&refusals, 50).unwrap() > Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_at_the_door_learns_it_at_once() {
    let seen = at(200, "refuse").await;
    assert_eq!(share(&seen), (52, 0));
    let refusals = seen.waited(|end| end == End::Refused);
    assert_eq!(refusals.last(), Some(&Duration::ZERO));
    // Ten places at twenty a second, and then the work.
    let answers = seen.waited(|end| end == End::Answered);
    assert!(*answers.last().unwrap() <= 6 * USUAL.work);
    assert!(seen.waited(|end| end == End::GaveUp).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_queue_must_be_shorter_than_its_callers_patience() {
    let arrivals = arrivals(&[(2 * RATE, 30)]);
    for (places, answered) in [(1, 50), (10, 52), (18, 53), (19, 14), (20, 5), (40, 4)] {
        let seen = run(policy("refuse", places), USUAL, &arrivals).await;
        assert_eq!(share(&seen).0, answered, "{places} places");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_alone_look_better_the_fewer_there_are() {
    let half = |seen: &Seen| percentile(&seen.waited(|end| end == End::Answered), 50);
    let (collapsed, well) = (at(200, "no bound").await, at(200, "refuse").await);
    assert!(collapsed.answered() * 10 < well.answered());
    assert!(half(&collapsed) < half(&well));
}

#[tokio::test(start_paused = true)]
async fn a_rush_is_over_when_the_queue_is_and_not_before() {
    let rush = [(RATE / 2, 10), (RATE * 2, 10), (RATE / 2, 24)];
    let afterwards = async |name| {
        let seen = run(policy(name, 10), USUAL, &arrivals(&rush)).await;
        // Of those who came when it was over: the service could do twice what they ask for.
        let later = |came: Duration| came.as_secs() >= 20;
        let callers = seen.callers.iter().filter(|(came, ..)| later(*came));
        let all = callers.clone().count();
        let answered = callers.filter(|(_, end, _)| *end == End::Answered);
        (answered.count(), all)
    };
    assert_eq!(afterwards("no bound").await, (98, 231));
    assert_eq!(afterwards("refuse").await, (231, 231));
}

#[tokio::test(start_paused = true)]
async fn five_at_once_are_the_end_of_four_who_came_later() {
    use End::{Answered as A, GaveUp as G, Refused as R};
    let [no_bound, refuse] = shown();
    let (ends, in_vain) = nine_callers(no_bound).await;
    assert_eq!((ends, in_vain), (vec![A, A, G, G, G, G, G, G, G], 7));
    let (ends, in_vain) = nine_callers(refuse).await;
    assert_eq!((ends, in_vain), (vec![A, A, R, R, R, A, A, A, A], 0));
}

/// Whether somebody leaves or comes first in an instant must not be a matter of luck.
#[tokio::test(start_paused = true)]
async fn two_runs_see_the_same() {
    for policy in policies(10) {
        let arrivals = arrivals(&[(RATE * 2, 8)]);
        let first = run(policy, USUAL, &arrivals).await;
        let second = run(policy, USUAL, &arrivals).await;
        assert!(first.callers == second.callers, "{policy:?}");
    }
}

#[test]
fn callers_come_as_in_the_twin() {
    let arrivals = arrivals(&[(20, 30)]);
    assert!((550..650).contains(&arrivals.len()), "{}", arrivals.len());
    assert!(arrivals.is_sorted());
    let tenth = |at: &Duration| at.as_millis() / 100;
    let in_a_tenth = arrivals.chunk_by(|a, b| tenth(a) == tenth(b));
    // Two on average. Some tenths have none, and so some have many.
    assert!(in_a_tenth.map(<[_]>::len).max() >= Some(6));
}

/// Little's law, for those who wait and those who are served: how many there are on average, looked
/// at every three milliseconds, is how many come in a second times how long they stay.
#[tokio::test(start_paused = true)]
async fn there_are_as_many_as_come_times_how_long_they_stay() {
    let pool = Arc::new(Semaphore::new(2));
    let time = Duration::from_millis(100);
    let start = Instant::now();
    let mut requests = JoinSet::new();
    let (mut looks, mut seen) = (0, 0);
    let mut look = start;
    for came in arrivals(&[(18, 30)]) {
        while look < start + came {
            tokio::time::sleep_until(look).await;
            while requests.try_join_next().is_some() {}
            (looks, seen) = (looks + 1_u32, seen + u32::try_from(requests.len()).unwrap());
            look += Duration::from_millis(3);
        }
        load::until(start + came).await;
        let pool = Arc::clone(&pool);
        requests.spawn(async move {
            let _connection = pool.acquire().await;
            sleep(time).await;
        });
    }
    let seen = f64::from(seen) / f64::from(looks);
    let used = pool::used(2, 18, time).await;
    let stay = used.waits.iter().sum::<Duration>() + used.held;
    let expected = stay.as_secs_f64() / used.passed.as_secs_f64();
    assert!(expected > 2.5, "nobody waits: {expected}");
    assert!((seen / expected - 1.0).abs() < 0.03, "{seen}, {expected}");
}

#[tokio::test(start_paused = true)]
async fn one_connection_more_than_the_average_is_no_luxury() {
    let wait = async |connections| {
        let used = pool::used(connections, 18, Duration::from_millis(100)).await;
        percentile(&used.waits, 95).unwrap()
    };
    let (two, three, four) = (wait(2).await, wait(3).await, wait(4).await);
    assert!(
        two > 5 * three && three > 2 * four,
        "{two:?} {three:?} {four:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_answer_does_not_see_what_users_see() {
    let tested = measure::one_after_the_other().await;
    let used = measure::when_it_is_due().await;
    let millis = |waits: &[Duration], percent| percentile(waits, percent).unwrap().as_millis();
    assert_eq!((millis(&tested, 99), millis(&tested, 100)), (10, 1010));
    let slow = tested.iter().filter(|wait| wait.as_millis() > 10);
    assert_eq!((slow.count(), tested.len()), (6, 5401)); // a pause each
    assert_eq!((millis(&used, 95), millis(&used, 99)), (510, 910));
}

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let waits: Vec<Duration> = (1..=10).map(Duration::from_secs).collect();
    assert_eq!(percentile(&waits, 50), Some(Duration::from_secs(5)));
    assert_eq!(percentile(&waits, 95), Some(Duration::from_secs(10)));
    assert_eq!(percentile(&waits[..1], 50), Some(Duration::from_secs(1)));
    assert_eq!(percentile(&[], 50), None);
    assert_eq!((percent(1, 8), percent(0, 0), percent(3, 3)), (13, 0, 100));
}
