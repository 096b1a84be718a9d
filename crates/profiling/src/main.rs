//! The hunt for a bottleneck: a service that is slow under load, and the means to find out why.
//!
//! A shop prices orders. One order alone takes 65 ms, twenty at once take 200 ms and more, each.
//! Three places in `shop.rs` look suspicious, and a flag mends each of them. You will see what each
//! means shows of them and what it cannot show, and that the fix that looks best changes nothing.
//!
//! ```console
//! $ cargo run -p profiling
//! $ cargo run -p profiling -- --slow-polls 5 --metrics
//! $ cargo run -p profiling -- --clients 6 --orders 1 --timeline
//! $ cargo run -p profiling -- --fix lookups
//! $ cargo run -p profiling -- --compare
//! $ cargo console profiling -- --forever
//! ```
//!
//! In Python: `PYTHONASYNCIODEBUG=1`, `loop.slow_callback_duration`, `python -m cProfile`.

#[cfg(feature = "console")]
mod console;
mod load;
mod metrics;
mod shop;
mod slow_polls;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::Stage;
use tracing_subscriber::prelude::*;

use load::{Load, Report};
use shop::{Fixes, Shop};
use slow_polls::SlowPolls;

/// What `--compare` tries, in this order.
const ATTEMPTS: [Fixes; 6] = [
    //        prices, rate, lookups
    Fixes::new(false, false, false),
    Fixes::new(false, false, true),
    Fixes::new(false, true, false),
    Fixes::new(true, false, false),
    Fixes::new(true, true, false),
    Fixes::new(true, true, true),
];

// One thread with one event loop, like asyncio.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("A service that is slow under load, and the means to find out why.")
        .option("--clients", "N", "so many at once (default 20)")
        .option(
            "--orders",
            "N",
            "so many of each client, one after the other (default 3)",
        )
        .option(
            "--fix",
            "NAMES",
            "mend lookups, rate, prices, or several: --fix rate,prices",
        )
        .switch("--compare", "mend one after the other, and compare")
        .option(
            "--slow-polls",
            "MS",
            "warn of each poll of an order that takes so long",
        )
        .switch("--metrics", "print what tokio-metrics has counted")
        .option("--threads", "N", "on a multi-thread runtime with N threads")
        .switch("--forever", "go on until Ctrl-C, for tokio-console")
        .switch("--export", "export the books of a month meanwhile")
        .begin()
        .await;
    match run(&stage).await {
        Ok(()) => stage.finish(),
        Err(error) => {
            eprintln!("profiling: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(stage: &Stage) -> Result<()> {
    let number = |flag, most| {
        let number: Option<u32> = stage.value(flag);
        if number.is_some_and(|number| !(1..=most).contains(&number)) {
            stage.usage_error(format_args!("{flag} takes 1 to {most}"));
        }
        number
    };
    let forever = stage.is_on("--forever");
    let mended: Option<Fixes> = stage.value("--fix");
    if stage.is_on("--compare") && (forever || mended.is_some()) {
        stage.usage_error("--compare ends, and mends by itself: leave out --forever and --fix");
    }
    let mended = mended.unwrap_or_default();
    let slow = number("--slow-polls", 60_000);
    let load = Load {
        clients: number("--clients", 1000).unwrap_or(20),
        orders: number("--orders", 1000).unwrap_or(if forever { 1000 } else { 3 }),
        threads: number("--threads", 64).and_then(|threads| threads.try_into().ok()),
        export: stage.is_on("--export"),
    };
    if stage.instant() && (forever || load.threads.is_some()) {
        stage
            .usage_error("--instant has one thread, and an end: leave out --threads and --forever");
    }
    let slow_polls = slow.map(|limit| SlowPolls {
        limit: Duration::from_millis(limit.into()),
    });
    let subscriber = tracing_subscriber::registry().with(slow_polls);
    #[cfg(feature = "console")]
    let subscriber = subscriber.with(console::layer()?);
    subscriber.init();

    if stage.is_on("--compare") {
        return compare(stage, load).await;
    }
    loop {
        let slow = Duration::from_millis(slow.unwrap_or(5).into());
        let shop = Shop::open(mended, slow);
        stage.scene(&format!("mended: {mended}"));
        if forever {
            println!("orders until Ctrl-C");
        }
        let (report, runtime) = load.run(Arc::clone(&shop)).await?;
        print(load, &report);
        if stage.is_on("--metrics") {
            shop.monitors.print();
            // The paused clock is tokio's. How busy a runtime is, it measures with the machine's.
            if !stage.instant() {
                metrics::print_runtime(&runtime);
            }
        }
        if !forever {
            return Ok(());
        }
    }
}

fn print(load: Load, report: &Report) {
    println!(
        "{} x {} orders in {:.0} ms, {:.0} a second",
        load.clients,
        load.orders,
        millis(report.took),
        report.rate(),
    );
    println!(
        "orders: half of them within {:.0} ms, 95 % within {:.0} ms",
        millis(report.within(50)),
        millis(report.within(95)),
    );
    println!(
        "health checks: the slowest took {:.0} ms",
        millis(report.health)
    );
}

async fn compare(stage: &Stage, load: Load) -> Result<()> {
    println!("mended                 orders/s    half   95 %  health");
    for mended in ATTEMPTS {
        let shop = Shop::open(mended, Duration::from_millis(5));
        stage.scene(&format!("mended: {mended}"));
        let (report, _) = load.run(shop).await?;
        println!(
            "{mended:<22} {:>8.0} {:>4.0} ms {:>3.0} ms {:>4.0} ms",
            report.rate(),
            millis(report.within(50)),
            millis(report.within(95)),
            millis(report.health),
        );
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
