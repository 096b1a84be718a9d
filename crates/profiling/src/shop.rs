//! The service: `GET /orders/NUMBER` prices an order, `GET /health` says that the service is there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::Trace as _;
use futures::FutureExt as _;
use futures::future::join_all;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Mutex;
use tokio::time::{Instant, advance, sleep};
use tracing::info_span;

use crate::metrics::Monitors;

/// How long the database takes to find an item. It can look for many at once.
const LOOKUP: Duration = Duration::from_millis(10);

/// How long the bank takes to answer. It can answer many at once.
const ASKING: Duration = Duration::from_millis(5);

/// How long the price list keeps a processor busy.
const READING: Duration = Duration::from_millis(10);

/// How long the export of a month keeps one busy.
const EXPORT: Duration = Duration::from_secs(3);

const ARTICLES: u32 = 200;
const ITEMS: u32 = 5;

/// What every request shares.
pub(crate) struct Shop {
    mended: Fixes,
    /// The price list as it came: a line for each article.
    list: String,
    /// The same, read. `None`: each request reads the list anew.
    prices: Option<Prices>,
    /// What a US dollar costs, in hundredths of a euro.
    rate: Mutex<u64>,
    pub(crate) monitors: Monitors,
}

type Prices = HashMap<u32, u64>;

impl Shop {
    /// `slow`: from which length on the monitors count a poll as slow.
    pub(crate) fn open(mended: Fixes, slow: Duration) -> Arc<Self> {
        let list: String = (0..ARTICLES)
            .map(|article| format!("{article};{}\n", 100 + 7 * article))
            .collect();
        Arc::new(Self {
            mended,
            prices: mended.prices.then(|| read_prices(&list)),
            list,
            rate: Mutex::new(0),
            monitors: Monitors::new(slow),
        })
    }

    /// The handler.
    async fn order(&self, number: u32) -> String {
        let prices = match &self.prices {
            Some(prices) => Cow::Borrowed(prices),
            None => Cow::Owned(read_prices(&self.list)),
        };
        let items = if self.mended.lookups {
            items_together(number).await
        } else {
            items_one_by_one(number).await
        };
        let cents: u64 = items.iter().filter_map(|item| prices.get(item)).sum();
        let rate = if self.mended.rate {
            self.rate_asked_first()
                .traced(format!("rate({number})"))
                .await
        } else {
            self.rate_locked_first()
                .traced(format!("rate({number})"))
                .await
        };
        let dollars = cents * 100 / rate;
        format!(
            "order {number}: {}.{:02} USD\n",
            dollars / 100,
            dollars % 100
        )
    }

    /// Nobody may read the rate while it is being renewed, so this takes the lock first.
    async fn rate_locked_first(&self) -> u64 {
        let mut rate = self.rate.lock().await;
        *rate = ask_bank().await;
        *rate
    }

    /// Nor here: what takes time is done before the lock is taken.
    async fn rate_asked_first(&self) -> u64 {
        let new = ask_bank().await;
        *self.rate.lock().await = new;
        new
    }
}

async fn items_one_by_one(number: u32) -> Vec<u32> {
    let mut items = Vec::new();
    for place in 0..ITEMS {
        items.push(look_up(number, place).await);
    }
    items
}

async fn items_together(number: u32) -> Vec<u32> {
    join_all((0..ITEMS).map(|place| look_up(number, place))).await
}

/// Which article stands at this place of the order. Stands in for a database.
async fn look_up(number: u32, place: u32) -> u32 {
    sleep(LOOKUP).await;
    (number % ARTICLES * 31 + place) % ARTICLES
}

/// Stands in for a request to a bank.
async fn ask_bank() -> u64 {
    sleep(ASKING).await;
    92
}

/// Reads the price list. There is no `await` in it.
fn read_prices(list: &str) -> Prices {
    keep_busy(READING, || {
        let lines = list.lines().filter_map(|line| {
            let (article, cents) = line.split_once(';')?;
            Some((article.parse().ok()?, cents.parse().ok()?))
        });
        lines.collect()
    })
}

/// The books of a month for the tax office. No `await` in this one either.
pub(crate) fn export() -> usize {
    keep_busy(EXPORT, || (0..5_000).filter(|n| n % 7 == 0).count())
}

/// Does `work` again and again until `time` is over. A list that takes one machine this long takes
/// another one twice as long, and then something else might be the bottleneck there.
///
/// A paused clock stands still while code runs. There, the work is done once, and the clock is
/// told how long it took. (Polled once, `advance` moves the clock; it then wants to yield, and that
/// is what work does not do.)
fn keep_busy<T>(time: Duration, mut work: impl FnMut() -> T) -> T {
    let clock = Instant::now();
    let start = std::time::Instant::now();
    loop {
        let done = work();
        if clock.elapsed().is_zero() {
            let _ = advance(time).now_or_never();
            return done;
        }
        if start.elapsed() >= time {
            return done;
        }
    }
}

/// Opens a connection and serves it in a task of its own, as a server does for each client.
///
/// There is no socket: what is written at one end of the pipe is read at the other. hyper does not
/// see the difference, and a pipe waits on virtual time too.
pub(crate) fn connect(shop: &Arc<Shop>) -> DuplexStream {
    let (client, server) = duplex(4096);
    let handler_shop = Arc::clone(shop);
    let service = service_fn(move |request| {
        let shop = Arc::clone(&handler_shop);
        async move { Ok::<_, Infallible>(answer(&shop, &request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    tokio::spawn(shop.monitors.connections.instrument(connection));
    client
}

async fn answer(shop: &Arc<Shop>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let number = path.strip_prefix("/orders/").and_then(|n| n.parse().ok());
    if let Some(number) = number {
        Response::new(Full::from(watched_order(shop, number).await))
    } else if path == "/health" {
        Response::new(Full::from("well\n"))
    } else {
        let mut response = Response::new(Full::from("404: Not Found\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}

/// The handler, as the timeline, tokio-metrics and tracing watch it.
pub(crate) fn watched_order(
    shop: &Arc<Shop>,
    number: u32,
) -> impl Future<Output = String> + Send + use<> {
    let handler_shop = Arc::clone(shop);
    let order = async move { handler_shop.order(number).await };
    let order = order.traced(format_args!("order({number})"));
    let order = shop.monitors.orders.instrument(order);
    // With `use tracing::Instrument` the line above would mean this one, and not compile.
    tracing::Instrument::instrument(order, info_span!("order"))
}

/// Which of the three suspects are mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fixes {
    /// The items are looked up together.
    pub(crate) lookups: bool,
    /// The price list is read once, at the start.
    pub(crate) prices: bool,
    /// The bank is asked before the lock is taken.
    pub(crate) rate: bool,
}

impl Fixes {
    pub(crate) const fn new(prices: bool, rate: bool, lookups: bool) -> Self {
        Self {
            lookups,
            prices,
            rate,
        }
    }
}

impl FromStr for Fixes {
    type Err = String;

    fn from_str(names: &str) -> Result<Self, String> {
        let mut fixes = Self::default();
        for name in names.split(',') {
            match name.trim() {
                "lookups" => fixes.lookups = true,
                "prices" => fixes.prices = true,
                "rate" => fixes.rate = true,
                other => {
                    return Err(format!(
                        "there is no fix {other:?}; there are lookups, prices and rate, \
                         separated by commas"
                    ));
                }
            }
        }
        Ok(fixes)
    }
}

impl fmt::Display for Fixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.prices, "prices"),
            (self.rate, "rate"),
            (self.lookups, "lookups"),
        ];
        if *self == Self::default() {
            return f.pad("nothing");
        }
        let names = all.into_iter().filter(|(mended, _)| *mended);
        let names: Vec<&str> = names.map(|(_, name)| name).collect();
        f.pad(&names.join(", "))
    }
}
