//! The notes, served by axum or by bare hyper; and both compared with aiohttp and Tornado.
//!
//! ```console
//! $ cargo run -p frameworks
//! $ cargo run -p frameworks -- hyper
//! $ cargo run --release -p frameworks -- compare
//! ```
//!
//! In another terminal: `curl http://127.0.0.1:8080/notes`. Ctrl-C stops the server.
//!
//! In Python: `frameworks.py` is the same service in aiohttp, `with_tornado.py` in Tornado. How hyper
//! becomes axum, layer by layer, is `cargo run -p frameworks --bin layers`.

mod compare;

use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, StopSignals};
use frameworks::{Options, bare, with_axum};
use tokio::net::TcpListener;

// One thread, as Python's servers have one. Without the flavor there would be one for each core,
// and nothing else would change: chapter 4 does that.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage =
        Stage::new("A small JSON service in axum and in bare hyper, and what they differ in.")
            .arguments(
                "[axum | hyper | compare]",
                "which server; or all, measured (default axum)",
            )
            .option(
                "--port",
                "PORT",
                "listen on PORT; 0 takes a free one (default 8080)",
            )
            .option(
                "--time-limit",
                "SECONDS",
                "how long a handler may take (default 10)",
            )
            .option(
                "--patience",
                "SECONDS",
                "hyper: how long a request head may take (default 10)",
            )
            .option(
                "--grace",
                "SECONDS",
                "how long to finish what is in flight (default 10)",
            )
            .switch("--probes", "offer handlers that misbehave, under /probe/")
            .switch(
                "--defaults",
                "without what the lesson adds: what the library does by itself",
            )
            .switch("--log", "axum: print each request to standard error")
            .option(
                "--only",
                "NAMES",
                "compare: some of hyper,axum,aiohttp,tornado",
            )
            .switch("--behaviour", "compare: do not measure the speed")
            .option(
                "--seconds",
                "SECONDS",
                "compare: measure each for so long (default 1)",
            )
            .real_io()
            .begin()
            .await;
    let seconds = |name| stage.seconds(name).unwrap_or(Duration::from_secs(10));
    let options = Options {
        time_limit: seconds("--time-limit"),
        patience: seconds("--patience"),
        grace: seconds("--grace"),
        probes: stage.is_on("--probes"),
        defaults: stage.is_on("--defaults"),
    };
    let port = stage.value("--port").unwrap_or(8080);
    let failed = match stage.positional() {
        [] => serve("axum", port, options, &stage).await,
        [one] => match one.as_str() {
            which @ ("axum" | "hyper") => serve(which, port, options, &stage).await,
            "compare" => compare(&stage).await,
            other => stage.usage_error(format_args!(
                "there is no {other}: say axum, hyper or compare"
            )),
        },
        _ => stage.usage_error("one at a time: say axum, hyper or compare"),
    };
    if let Err(error) = failed {
        eprintln!("frameworks: {error}");
        return ExitCode::FAILURE;
    }
    stage.finish()
}

async fn serve(which: &str, port: u16, options: Options, stage: &Stage) -> Result<(), String> {
    if stage.is_on("--log") {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(std::io::stderr)
            .init();
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.map_err(|error| {
        format!("cannot listen on port {port}: {error}; choose another with --port")
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    // Before the line that says it is up: who reads it may press Ctrl-C at once.
    let shutdown = asked_to_stop()?;
    println!("Listening on http://{address}");
    match which {
        "hyper" => bare::serve(listener, options, shutdown).await,
        _ => with_axum::serve(listener, options, shutdown).await,
    }
    println!("Stopped.");
    Ok(())
}

async fn compare(stage: &Stage) -> Result<(), String> {
    let only: Option<String> = stage.value("--only");
    let kinds = match only.as_deref().map(compare::kinds).transpose() {
        Ok(kinds) => kinds.unwrap_or(compare::KINDS.to_vec()),
        Err(other) => stage.usage_error(format_args!(
            "--only knows hyper, axum, aiohttp and tornado, but not {other:?}"
        )),
    };
    let seconds = stage.seconds("--seconds").unwrap_or(Duration::from_secs(1));
    if seconds < Duration::from_millis(100) || seconds > Duration::from_mins(10) {
        stage.usage_error("--seconds must be from 0.1 to 600");
    }
    let measured = (!stage.is_on("--behaviour")).then_some(seconds);
    compare::run(&kinds, measured).await
}

/// Listens from now on, and completes with the first signal. The next one ends the program at once.
fn asked_to_stop() -> Result<impl Future<Output = ()>, String> {
    let mut stop = StopSignals::listen()?;
    Ok(async move {
        stop.next().await;
        tokio::spawn(async move {
            stop.next().await;
            eprintln!("frameworks: stopped at once; what was in flight is lost");
            std::process::exit(130);
        });
    })
}
