//! [`Cache`]: what an async call returned, kept for a while, with one call for all who wait.

mod lru;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use lru::Lru;

/// How much is kept, and for how long.
///
/// An answer has an age, counted from the moment when its fetch ended, on tokio's clock. It is
/// first *fresh*, then *stale*, then too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many answers are kept. With 0 none is, and callers still share a fetch that is under
    /// way.
    pub capacity: usize,
    /// How long a value is fresh: the *time to live*. With [`Duration::ZERO`] it is never.
    pub fresh: Duration,
    /// How long after that it is handed out while a new one is fetched.
    pub stale: Duration,
    /// How long an error is kept. With [`Duration::ZERO`] no error is.
    pub errors: Duration,
}

impl Policy {
    /// Values are kept for `fresh`; nothing is handed out stale, and errors are not kept.
    #[must_use]
    pub fn new(capacity: usize, fresh: Duration) -> Self {
        Self {
            capacity,
            fresh,
            stale: Duration::ZERO,
            errors: Duration::ZERO,
        }
    }
}

/// Why there is no value. Cloned for everybody who waited.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The fetch failed. Everybody has the same error, as an `Arc`: few error types can be cloned.
    #[error("{0}")]
    Fetch(Arc<E>),
    /// The fetch panicked, or the runtime was shut down while it ran.
    #[error("the fetch ended without an answer: it panicked, or the runtime is shutting down")]
    Lost,
}

// Not derived: that would ask for `E: Clone`.
impl<E> Clone for Error<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Fetch(error) => Self::Fetch(Arc::clone(error)),
            Self::Lost => Self::Lost,
        }
    }
}

/// What became of all calls so far. `hits + stale + joined + misses` is how many there were.
///
/// In Python: `cache_info()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Calls that found a fresh answer.
    pub hits: u64,
    /// Calls that found a stale value, and took it.
    pub stale: u64,
    /// Calls that waited for the fetch of another one.
    pub joined: u64,
    /// Calls that found nothing, and for which a fetch was begun.
    pub misses: u64,
    /// How many of the misses found an answer that was too old.
    pub expired: u64,
    /// Answers that had to make room for another one.
    pub evicted: u64,
    /// Fetches that failed, or were lost.
    pub errors: u64,
    /// How many answers are kept now.
    pub entries: usize,
    /// How many fetches are under way now.
    pub flights: usize,
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hits,
            stale,
            joined,
            misses,
            expired,
            evicted,
            errors,
            entries,
            flights,
        } = self;
        write!(
            f,
            "hits={hits} stale={stale} joined={joined} misses={misses} expired={expired} \
             evicted={evicted} errors={errors} entries={entries} flights={flights}"
        )
    }
}

type Answer<V, E> = Result<V, Error<E>>;
type Fetch<K, V, E> = dyn Fn(K) -> BoxFuture<'static, Result<V, E>> + Send + Sync;

/// Remembers what an async function returned, and runs it once for all who wait for the same key.
///
/// - Each fetch is a *flight*: a task of its own, one at a time for each key. A caller that gives up
///   leaves the flight to the others. If all give up, it ends all the same, and its answer is kept.
/// - An error goes to everybody who waited for that flight. It is kept only if
///   [`Policy::errors`] says so. A panic is an error to those who waited.
/// - At most [`Policy::capacity`] answers are kept. A flight is not one of them, so it cannot be
///   evicted. How many flights there are is not bounded here: a [`tokio::sync::Semaphore`] in the
///   fetch does that.
/// - A value whose flight began before [`invalidate`](Self::invalidate) is not kept after it.
///
/// Clones share everything. A fetch that never ends is waited for by everybody who asks for its
/// key, so put a timeout into the fetch. A fetch that asks for its own key waits for itself.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::io;
/// use std::time::Duration;
///
/// use cache::{Cache, Policy};
/// use tokio::time::sleep;
///
/// let policy = Policy::new(1000, Duration::from_secs(60));
/// let lengths = Cache::new(policy, |city: String| async move {
///     sleep(Duration::from_secs(1)).await; // asks somebody
///     io::Result::Ok(city.len())
/// });
///
/// let (first, second) = tokio::join!(lengths.get("Oslo"), lengths.get("Oslo"));
/// assert_eq!(first.unwrap(), 4);
/// assert_eq!(second.unwrap(), 4);
/// assert_eq!((lengths.info().misses, lengths.info().joined), (1, 1));
/// # }
/// ```
pub struct Cache<K, V, E>(Arc<Inner<K, V, E>>);

struct Inner<K, V, E> {
    policy: Policy,
    fetch: Box<Fetch<K, V, E>>,
    /// Never locked across an await, and nothing foreign is called or dropped under the lock except
    /// `K`'s `Hash`, `Eq` and `Clone`, and `V`'s `Clone`.
    state: Mutex<State<K, V, E>>,
}

struct State<K, V, E> {
    entries: Lru<K, Entry<V, E>>,
    flights: HashMap<K, Ticket<V, E>>,
    flights_begun: u64,
    info: Info,
}

struct Entry<V, E> {
    answer: Answer<V, E>,
    since: Instant,
}

/// What those have who wait for a flight.
struct Ticket<V, E> {
    flight: u64,
    landing: Landing<V, E>,
}

/// What a call finds.
enum Found<V, E> {
    Answer(Answer<V, E>),
    InTheAir(Landing<V, E>),
}

/// The answer of a flight, for as many as wait for it. What is shared is the waiting and not the
/// fetch: if nobody polls this any more, the fetch goes on.
type Landing<V, E> = Shared<oneshot::Receiver<Answer<V, E>>>;

/// The flight that a call has to start, if it is the one to do it.
type Departure<K, V, E> = Option<Flight<K, V, E>>;

impl<K, V, E> Cache<K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// An empty cache of what `fetch` returns.
    pub fn new<F>(policy: Policy, fetch: impl Fn(K) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        Self(Arc::new(Inner {
            policy,
            fetch: Box::new(move |key| fetch(key).boxed()),
            state: Mutex::new(State {
                entries: Lru::new(policy.capacity),
                flights: HashMap::new(),
                flights_begun: 0,
                info: Info::default(),
            }),
        }))
    }

    /// The value of `key`: one that is kept, or that of the fetch under way, or that of a new fetch.
    ///
    /// A `Cache<String, …>` is asked with a `&str`; the key is copied only when a fetch begins.
    ///
    /// # Errors
    ///
    /// If the fetch failed or was lost.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if a fetch has to begin.
    ///
    /// # Cancel safety
    ///
    /// When this future is dropped, the fetch goes on, and others get its answer.
    pub async fn get<Q>(&self, key: &Q) -> Result<V, Error<E>>
    where
        K: Borrow<Q>,
        Q: ToOwned<Owned = K> + Eq + Hash + ?Sized,
    {
        let (found, flight) = self.look_up(key);
        if let Some(flight) = flight {
            tokio::spawn(flight.fly());
        }
        match found {
            Found::Answer(answer) => answer,
            Found::InTheAir(landing) => landing.await.unwrap_or(Err(Error::Lost)),
        }
    }

    /// What there is for `key`. The flight is not started here, where the lock is held: a runtime
    /// that is shutting down drops what it is given at once, and a flight that is dropped takes the
    /// lock.
    fn look_up<Q>(&self, key: &Q) -> (Found<V, E>, Departure<K, V, E>)
    where
        K: Borrow<Q>,
        Q: ToOwned<Owned = K> + Eq + Hash + ?Sized,
    {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        let mut expired = 0;
        if let Some(entry) = state.entries.get(key) {
            let policy = self.0.policy;
            let (fresh, usable) = match entry.answer {
                Ok(_) => (policy.fresh, policy.fresh.saturating_add(policy.stale)),
                Err(_) => (policy.errors, policy.errors),
            };
            let age = entry.since.elapsed();
            let answer = Found::Answer(entry.answer.clone());
            if age < fresh {
                state.info.hits += 1;
                return (answer, None);
            }
            if age < usable {
                state.info.stale += 1;
                let idle = !state.flights.contains_key(key);
                return (answer, idle.then(|| self.begin(state, key.to_owned()).1));
            }
            expired = 1;
        }
        if let Some(ticket) = state.flights.get(key) {
            state.info.joined += 1;
            return (Found::InTheAir(ticket.landing.clone()), None);
        }
        state.info.misses += 1;
        state.info.expired += expired;
        let (landing, flight) = self.begin(state, key.to_owned());
        (Found::InTheAir(landing), Some(flight))
    }

    /// Announces a flight.
    fn begin(&self, state: &mut State<K, V, E>, key: K) -> (Landing<V, E>, Flight<K, V, E>) {
        let (sender, receiver) = oneshot::channel();
        let landing = receiver.shared();
        state.flights_begun += 1;
        let number = state.flights_begun;
        let ticket = Ticket {
            flight: number,
            landing: landing.clone(),
        };
        state.flights.insert(key.clone(), ticket);
        let flight = Flight {
            number,
            key,
            fetched: None,
            sender: Some(sender),
            cache: Arc::clone(&self.0),
        };
        (landing, flight)
    }

    /// Forgets the answer for `key`. A fetch that is under way still answers those who wait for it,
    /// and is not kept; whoever asks from now on begins a new one.
    pub fn invalidate<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut state = self.0.lock();
        let removed = (state.entries.remove(key), state.flights.remove(key));
        drop(state);
        drop(removed);
    }

    /// What became of all calls so far.
    #[must_use]
    pub fn info(&self) -> Info {
        let state = self.0.lock();
        Info {
            evicted: state.entries.evicted(),
            entries: state.entries.len(),
            flights: state.flights.len(),
            ..state.info
        }
    }
}

impl<K, V, E> Inner<K, V, E> {
    fn lock(&self) -> MutexGuard<'_, State<K, V, E>> {
        // Only a foreign `Hash`, `Eq` or `Clone` can have panicked under the lock. The cache goes on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch under way. It lands when it is dropped, because that happens on every way out: at its
/// end, in a panic, and when the runtime drops the task. A flight that was never taken off the list
/// would be waited for by all later callers, for ever.
struct Flight<K: Clone + Eq + Hash, V: Clone, E> {
    number: u64,
    key: K,
    fetched: Option<Result<V, E>>,
    sender: Option<oneshot::Sender<Answer<V, E>>>,
    cache: Arc<Inner<K, V, E>>,
}

impl<K: Clone + Eq + Hash, V: Clone, E> Flight<K, V, E> {
    async fn fly(mut self) {
        let fetch = (self.cache.fetch)(self.key.clone());
        self.fetched = Some(fetch.await);
    }
}

impl<K: Clone + Eq + Hash, V: Clone, E> Drop for Flight<K, V, E> {
    fn drop(&mut self) {
        let answer = match self.fetched.take() {
            Some(fetched) => fetched.map_err(|error| Error::Fetch(Arc::new(error))),
            None => Err(Error::Lost),
        };
        let mut state = self.cache.lock();
        state.info.errors += u64::from(answer.is_err());
        // After an invalidation it is not this flight any more that the list has for the key.
        let current = state.flights.get(&self.key);
        let displaced = if current.is_some_and(|ticket| ticket.flight == self.number) {
            let ticket = state.flights.remove(&self.key);
            (ticket, state.keep(&self.cache.policy, &self.key, &answer))
        } else {
            (None, None)
        };
        drop(state);
        drop(displaced);
        // Kept first and told afterwards: who asks in between finds the answer.
        if let Some(sender) = self.sender.take() {
            // An error says that nobody waits any more, which is nobody's fault.
            let _ = sender.send(answer);
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone, E> State<K, V, E> {
    /// Keeps an answer, if the policy says so. Returns what had to go.
    fn keep(
        &mut self,
        policy: &Policy,
        key: &K,
        answer: &Answer<V, E>,
    ) -> Option<(K, Entry<V, E>)> {
        if answer.is_err() {
            // An old value that is still good for something is worth more than an error.
            let usable = policy.fresh.saturating_add(policy.stale);
            let old = self.entries.get(key);
            let old_is_usable =
                old.is_some_and(|old| old.answer.is_ok() && old.since.elapsed() < usable);
            if old_is_usable || policy.errors.is_zero() {
                return None;
            }
        }
        let entry = Entry {
            answer: answer.clone(),
            since: Instant::now(),
        };
        self.entries.insert(key.clone(), entry)
    }
}

impl<K, V, E> Clone for Cache<K, V, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V, E> fmt::Debug for Cache<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
