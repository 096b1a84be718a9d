//! tokio-metrics: what the polls of many futures were like, on average.

use std::time::Duration;

use tokio_metrics::{RuntimeMetrics, TaskMonitor};

/// One monitor for the tasks that serve a connection each, and one for the handler in them.
pub(crate) struct Monitors {
    pub(crate) connections: TaskMonitor,
    pub(crate) orders: TaskMonitor,
}

impl Monitors {
    /// A poll of `slow` or longer counts as slow.
    pub(crate) fn new(slow: Duration) -> Self {
        Self {
            connections: TaskMonitor::with_slow_poll_threshold(slow),
            orders: TaskMonitor::with_slow_poll_threshold(slow),
        }
    }

    /// A line for each monitor: how many polls there were, how many per cent of them were slow,
    /// and three means: how long a poll took; how long a future lay *scheduled*, which is woken and
    /// not yet polled; how long it was *idle*, waiting to be woken.
    ///
    /// tokio-metrics takes its times from tokio's clock, be it a paused one.
    pub(crate) fn print(&self) {
        println!("             polls  slow  mean poll  scheduled     idle");
        let all = [("connections", &self.connections), ("orders", &self.orders)];
        for (name, monitor) in all {
            let metrics = monitor.cumulative();
            println!(
                "{name:<11} {:>6} {:>3.0} % {:>7.1} ms {:>7.1} ms {:>5.1} ms",
                metrics.total_poll_count,
                metrics.slow_poll_ratio() * 100.0,
                millis(metrics.mean_poll_duration()),
                millis(metrics.mean_scheduled_duration()),
                millis(metrics.mean_idle_duration()),
            );
        }
    }
}

/// What stable tokio says of a whole runtime. These times are from the machine's clock.
pub(crate) fn print_runtime(metrics: &RuntimeMetrics) {
    let workers = u32::try_from(metrics.workers_count).unwrap_or(u32::MAX);
    println!(
        "runtime     workers: {workers}, busy {:.0} % of the time, parked {} times",
        metrics.busy_ratio() / f64::from(workers) * 100.0,
        metrics.total_park_count,
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
