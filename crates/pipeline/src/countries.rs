//! Which country a client is in: asked of a service, once for each client.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::Trace as _;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::tally::Count;

/// Two letters, or [`UNKNOWN`].
pub(crate) type Country = &'static str;

/// Of a client for whom the service had no answer.
pub(crate) const UNKNOWN: Country = "??";

/// How long an answer may take. Without a limit, one that never comes would stop the pipeline.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many clients are kept in a generation; there are two. Each takes about 200 bytes.
const GENERATION: usize = 32_768;

/// A request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Whom to ask.
pub(crate) type Service =
    Arc<dyn Fn(String) -> BoxFuture<'static, Result<Country, Refused>> + Send + Sync>;

/// Stands in for a service on the network: it takes 5 to 20 milliseconds, and refuses one client in
/// a hundred. The same client has the same answer each time.
///
/// # Errors
///
/// If it refuses.
pub(crate) async fn service(client: String) -> Result<Country, Refused> {
    const COUNTRIES: [Country; 10] = ["DE", "US", "FR", "BR", "IN", "JP", "NG", "PL", "CA", "KE"];
    let hash = fnv(&client);
    sleep(Duration::from_millis(u64::from(5 + hash % 16))).await;
    if hash % 100 == 7 {
        return Err(Refused);
    }
    // The smaller of two: the first ones are more frequent.
    let index = (hash / 100 % 10).min(hash / 1000 % 10);
    Ok(COUNTRIES[index as usize])
}

/// A hash that Python computes as well: Fowler–Noll–Vo, 32 bits.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// An answer, or the wait for it. It can be cloned and awaited often.
type Answer = Shared<BoxFuture<'static, Country>>;

/// Remembers the answers, so that a client with a thousand records is asked for once. What is under
/// way is remembered, too: two batches with the same new client ask once.
///
/// It does not remember without end. When a generation is full, the one before it is forgotten.
/// Whoever comes often is always in one of the two.
pub(crate) struct Countries {
    service: Service,
    at_once: Arc<Semaphore>,
    young: HashMap<Box<str>, Answer>,
    old: HashMap<Box<str>, Answer>,
    generation: usize,
    asked: u64,
    failed: Arc<AtomicU64>,
}

impl Countries {
    /// Asks `service`, with at most `at_once` requests under way.
    pub(crate) fn new(service: Service, at_once: usize) -> Self {
        Self {
            service,
            at_once: Arc::new(Semaphore::new(at_once)),
            young: HashMap::new(),
            old: HashMap::new(),
            generation: GENERATION,
            asked: 0,
            failed: Arc::default(),
        }
    }

    /// Asks for those of the clients who are not known, at once. The future that is returned waits
    /// for all answers, and has them in the order of the clients.
    pub(crate) fn of(
        &mut self,
        clients: &[(Box<str>, Count)],
    ) -> impl Future<Output = Vec<Country>> + use<> {
        let clients = clients.iter().map(|(client, _)| self.of_one(client));
        let answers: Vec<Answer> = clients.collect();
        async {
            let mut countries = Vec::with_capacity(answers.len());
            // One after the other: they are tasks, and come no later for that.
            for answer in answers {
                countries.push(answer.await);
            }
            countries
        }
    }

    fn of_one(&mut self, client: &str) -> Answer {
        if let Some(answer) = self.young.get(client) {
            return answer.clone();
        }
        let (client, answer) = match self.old.remove_entry(client) {
            Some(known) => known,
            None => (client.into(), self.ask(client)),
        };
        self.young.insert(client, answer.clone());
        if self.young.len() == self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        answer
    }

    /// A task, because a task goes on whether anybody polls the answer or not. A future in a
    /// buffer would stand still while its consumer does something else, and its time would run.
    fn ask(&mut self, client: &str) -> Answer {
        self.asked += 1;
        let (at_once, failed) = (Arc::clone(&self.at_once), Arc::clone(&self.failed));
        let request = (self.service)(client.to_owned());
        let request = request.traced(format!("lookup({client})"));
        let task = tokio::spawn(async move {
            let _permit = at_once.acquire().await;
            // Inside: the time of a request begins when it is sent, not when it queues.
            timeout(PATIENCE, request).await
        });
        let answer = task.map(move |answer| {
            if let Ok(Ok(Ok(country))) = answer {
                return country;
            }
            // Refused, or no answer in time, or a panic. It is remembered as well: who is refused
            // is not asked for again.
            failed.fetch_add(1, Ordering::Relaxed);
            UNKNOWN
        });
        answer.boxed().shared()
    }

    /// How many lookups there were, and how many of those that were waited for have failed.
    pub(crate) fn lookups(&self) -> (u64, u64) {
        (self.asked, self.failed.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;

    use tokio::time::Instant;

    use super::*;

    fn clients(names: &[&str]) -> Vec<(Box<str>, Count)> {
        let count = Count::default();
        names.iter().map(|name| ((*name).into(), count)).collect()
    }

    fn answers<F>(answer: impl Fn(String) -> F + Send + Sync + 'static) -> Service
    where
        F: Future<Output = Result<Country, Refused>> + Send + 'static,
    {
        Arc::new(move |client| answer(client).boxed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_asked_for_once_also_while_the_answer_is_under_way() {
        let service = answers(|client| async move {
            sleep(Duration::from_secs(1)).await;
            if client == "x" {
                Err(Refused)
            } else {
                Ok("DE")
            }
        });
        let mut countries = Countries::new(service, 9);
        let first = countries.of(&clients(&["a", "x", "b"]));
        let second = countries.of(&clients(&["b", "c", "x"]));
        let start = Instant::now();
        assert_eq!(first.await, ["DE", "??", "DE"]);
        assert_eq!(second.await, ["DE", "DE", "??"]);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(countries.of(&clients(&["x"])).await, ["??"]);
        assert_eq!(countries.lookups(), (4, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_under_way_and_no_more() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        let service = answers(|_| async {
            assert!(NOW.fetch_add(1, SeqCst) < 3);
            sleep(Duration::from_secs(1)).await;
            NOW.fetch_sub(1, SeqCst);
            Ok("DE")
        });
        let mut countries = Countries::new(service, 3);
        let start = Instant::now();
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        countries.of(&clients(&names)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3)); // 3 + 3 + 1
        assert_eq!(countries.lookups(), (7, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_or_panics_costs_its_own_clients() {
        let service = answers(|client| async move {
            match client.as_str() {
                "hangs" => std::future::pending().await,
                "panics" => panic!("no such client"),
                _ => Ok("DE"),
            }
        });
        let mut countries = Countries::new(service, 9);
        let start = Instant::now();
        let found = countries.of(&clients(&["hangs", "a", "panics"])).await;
        assert_eq!(found, ["??", "DE", "??"]);
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!(countries.lookups(), (3, 2));
    }

    #[tokio::test]
    async fn it_forgets_who_does_not_come_any_more() {
        let mut countries = Countries::new(answers(|_| async { Ok("DE") }), 9);
        countries.generation = 3;
        for number in 0..100 {
            let name = number.to_string();
            // "often" comes between all the others.
            countries.of(&clients(&["often"])).await;
            countries.of(&clients(&[&name])).await;
            assert!(countries.young.len() + countries.old.len() < 6);
        }
        assert_eq!(countries.lookups(), (101, 0));
        countries.of(&clients(&["0"])).await;
        assert_eq!(countries.lookups(), (102, 0));
    }
}
