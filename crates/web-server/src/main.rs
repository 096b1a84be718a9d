//! A web server whose handler waits one second, and which serves until you stop it.
//!
//! ```console
//! $ cargo run -p web-server
//! ```
//!
//! In another terminal: `curl http://127.0.0.1:8080/`. Ctrl-C stops the server: it takes no new
//! connections and answers what is in flight. A second Ctrl-C stops it at once.
//!
//! In Python: `runner = web.AppRunner(app)`, `await web.TCPSite(runner, "127.0.0.1", 8080).start()`,
//! and the line that the article forgot: one that waits.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use common::Stage;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use web_server::{Options, Summary, bind, run};

// tokio's default runtime, with a worker thread per core. aiohttp has one thread; the handler is
// the same.
#[tokio::main]
async fn main() -> ExitCode {
    let stage = Stage::new("A web server whose handler waits one second.")
        .option(
            "--port",
            "PORT",
            "listen on PORT; 0 takes a free one (default 8080)",
        )
        .option(
            "--delay",
            "SECONDS",
            "how long GET / waits before it answers (default 1)",
        )
        .option(
            "--grace",
            "SECONDS",
            "how long requests may still take after Ctrl-C (default 10)",
        )
        .option(
            "--connections",
            "N",
            "serve N connections at one time (default 10000)",
        )
        .real_io()
        .begin()
        .await;
    let port = stage.value("--port").unwrap_or(8080);
    let mut options = Options::default();
    options.delay = stage.seconds("--delay").unwrap_or(options.delay);
    options.limits.grace = stage.seconds("--grace").unwrap_or(options.limits.grace);
    options.limits.connections = stage
        .value("--connections")
        .unwrap_or(options.limits.connections);
    if options.limits.connections == 0 {
        stage.usage_error("--connections cannot be 0: nobody would be served");
    }

    let listener = match bind(port) {
        Ok(listener) => listener,
        Err(error) => return cannot_listen(port, &error),
    };
    let summary = match serve(listener, options).await {
        Ok(summary) => summary,
        Err(error) => {
            eprintln!("web-server: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    report(&summary);
    let drawn = stage.finish();
    if summary.cut > 0 {
        ExitCode::FAILURE
    } else {
        drawn
    }
}

/// Serves until Ctrl-C. A second Ctrl-C ends the program.
async fn serve(listener: TcpListener, options: Options) -> io::Result<Summary> {
    // Before the line that says "Listening": until then a signal kills, as it does any program.
    let mut asked_to_stop = stop_signals()?;
    println!("Listening on http://{}", listener.local_addr()?);

    let (stop, stopping) = oneshot::channel();
    let grace = options.limits.grace.as_secs_f64();
    let server = run(listener, options, async { stopping.await.unwrap_or(()) });
    let asked_twice = async {
        asked_to_stop().await;
        println!("Stopping: up to {grace} s for requests in flight. Ctrl-C again stops at once.");
        let _ = stop.send(());
        asked_to_stop().await;
    };
    tokio::select! {
        summary = server => Ok(summary),
        () = asked_twice => {
            eprintln!("web-server: stopped at once; what was in flight is lost");
            // Not a return from `main`: the runtime would then wait for handlers that block. A
            // shell says 130, too, of a program that Ctrl-C has ended.
            std::process::exit(130)
        }
    }
}

/// Waits, at each call, for the next Ctrl-C or SIGTERM. `kill`, systemd, docker and Kubernetes
/// send the latter.
#[cfg(unix)]
fn stop_signals() -> io::Result<impl AsyncFnMut()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits, at each call, for the next Ctrl-C. Windows has no SIGTERM.
#[cfg(windows)]
fn stop_signals() -> io::Result<impl AsyncFnMut()> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move || {
        ctrl_c.recv().await;
    })
}

fn report(summary: &Summary) {
    let Summary {
        answered,
        most_at_once,
        abandoned,
        drained,
        cut,
    } = summary;
    println!("Answered {answered}, at most {most_at_once} at once.");
    if *abandoned > 0 {
        println!("Abandoned {abandoned}: the client hung up first.");
    }
    if *drained > 0 {
        println!("Drained {drained}: answered after the signal.");
    }
    if *cut > 0 {
        println!("Cut {cut}: not finished in time.");
    }
}

fn cannot_listen(port: u16, error: &io::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::AddrInUse => eprintln!(
            "web-server: port {port} is in use; stop the other program, or choose another with --port"
        ),
        _ => eprintln!(
            "web-server: cannot listen on port {port}: {error}; choose a port with --port"
        ),
    }
    ExitCode::FAILURE
}
