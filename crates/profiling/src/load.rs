//! Many clients at once, each of which asks for its next order when it has the last one.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, sleep_until};
use tokio_metrics::{RuntimeMetrics, RuntimeMonitor};

use crate::shop::{self, Shop};

/// How often somebody asks whether the service is well.
const HEALTH_CHECK: Duration = Duration::from_millis(25);

/// How much is asked of the shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// So many at once.
    pub(crate) clients: u32,
    /// So many of each, one after the other.
    pub(crate) orders: u32,
    /// Threads of a multi-thread runtime. `None`: the one thread of `main`.
    pub(crate) threads: Option<usize>,
    /// Whether the books of a month are exported meanwhile.
    pub(crate) export: bool,
}

impl Load {
    /// Runs the clients, and says what they and the runtime under them have seen.
    ///
    /// # Errors
    ///
    /// When a request is not answered, or the system has no thread left.
    pub(crate) async fn run(self, shop: Arc<Shop>) -> Result<(Report, RuntimeMetrics)> {
        let Some(threads) = self.threads else {
            return self.run_here(shop).await;
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()?;
        // A runtime may be waited for, and dropped, only on a thread that may block.
        tokio::task::spawn_blocking(move || {
            runtime.block_on(async { tokio::spawn(self.run_here(shop)).await? })
        })
        .await?
    }

    async fn run_here(self, shop: Arc<Shop>) -> Result<(Report, RuntimeMetrics)> {
        let mut runtime = RuntimeMonitor::new(&Handle::current()).intervals();
        let _ = runtime.next(); // What was before does not count.
        let exports = async {
            if !self.export {
                return pending().await;
            }
            loop {
                tokio::spawn(async { shop::export() }).await?;
                sleep(Duration::from_secs(2)).await;
            }
        };
        let report = tokio::select! {
            biased;
            report = exports => report,
            report = run(&shop, self.clients, self.orders) => report,
        }?;
        Ok((report, runtime.next().unwrap_or_default()))
    }
}

/// What the clients saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// How long each order took, the quickest first.
    pub(crate) orders: Vec<Duration>,
    /// How long the slowest health check took.
    pub(crate) health: Duration,
}

impl Report {
    /// Orders per second.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no one makes 2^52 orders")]
        let orders = self.orders.len() as f64;
        orders / self.took.as_secs_f64()
    }

    /// The time within which so many per cent of the orders were answered.
    pub(crate) fn within(&self, percent: usize) -> Duration {
        let rank = (self.orders.len() * percent).div_ceil(100);
        let at = rank.saturating_sub(1);
        self.orders.get(at).copied().unwrap_or_default()
    }
}

/// Runs `clients` clients, each of which makes `each` orders.
///
/// # Errors
///
/// When a request is not answered.
pub(crate) async fn run(shop: &Arc<Shop>, clients: u32, each: u32) -> Result<Report> {
    let mut all = JoinSet::new();
    // Time enough for all to connect. What is measured begins when they are there.
    let start = Instant::now() + Duration::from_millis(5);
    for first in 1..=clients {
        let numbers = (0..each).map(move |round| first + round * clients);
        all.spawn(client(Arc::clone(shop), start, numbers));
    }
    let mut report = Report::default();
    let orders = async {
        let mut orders = Vec::new();
        while let Some(client) = all.join_next().await {
            orders.extend(client??);
        }
        Ok(orders)
    };
    report.orders = tokio::select! {
        orders = orders => orders,
        Err(error) = check_health(shop, start, &mut report.health) => Err(error),
    }?;
    report.took = start.elapsed();
    report.orders.sort_unstable();
    Ok(report)
}

async fn client(
    shop: Arc<Shop>,
    start: Instant,
    numbers: impl Iterator<Item = u32>,
) -> Result<Vec<Duration>> {
    let mut connection = connect(&shop).await?;
    sleep_until(start).await;
    let mut took = Vec::new();
    for number in numbers {
        let start = Instant::now();
        get(&mut connection, format!("/orders/{number}")).await?;
        took.push(start.elapsed());
    }
    Ok(took)
}

/// Asks until it is dropped. Nothing could be easier to answer.
async fn check_health(shop: &Arc<Shop>, start: Instant, slowest: &mut Duration) -> Result<()> {
    let mut connection = connect(shop).await?;
    let mut due = interval_at(start, HEALTH_CHECK);
    loop {
        // From the moment at which the check was due. It runs on the same thread as the service:
        // a thread that is held lets it begin late, and it would not notice.
        let due = due.tick().await;
        get(&mut connection, "/health".to_owned()).await?;
        *slowest = due.elapsed().max(*slowest);
    }
}

type Connection = SendRequest<Empty<Bytes>>;

async fn connect(shop: &Arc<Shop>) -> Result<Connection> {
    let (sender, connection) = handshake(TokioIo::new(shop::connect(shop))).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn get(connection: &mut Connection, path: String) -> Result<()> {
    connection.ready().await?;
    let request = Request::get(path).header(HOST, "shop").body(Empty::new())?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    anyhow::ensure!(status.is_success(), "the shop answered {status}");
    Ok(())
}
