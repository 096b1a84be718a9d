//! The service as a program: it listens, and stops when it is asked to.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use database::service::{self, Limits};
use database::without_password;
use sqlx::AnyPool;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Place;

/// Serves until Ctrl-C. A second Ctrl-C ends the program.
pub(crate) async fn run(place: Place, pool: AnyPool, port: u16, limits: Limits) -> ExitCode {
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            eprintln!(
                "database: port {port} is in use; stop the other program, or choose another with --port"
            );
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("database: cannot listen on port {port}: {error}; choose one with --port");
            return ExitCode::FAILURE;
        }
    };
    match until_stopped(place, listener, pool, limits).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("database: some requests were not finished in time");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("database: cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn until_stopped(
    place: Place,
    listener: TcpListener,
    pool: AnyPool,
    limits: Limits,
) -> io::Result<bool> {
    // Before the line that says "Listening": until then a signal ends the program.
    let mut asked_to_stop = stop_signals()?;
    println!("Listening on http://{}", listener.local_addr()?);
    if place.folder.is_some() {
        println!("Notes are kept until it stops; --url sqlite:notes.db?mode=rwc keeps them.");
    } else {
        println!("Notes are kept in {}", without_password(&place.url));
    }
    let (stop, stopping) = oneshot::channel();
    let server = service::serve(listener, pool, limits, async {
        stopping.await.unwrap_or(());
    });
    let grace = limits.grace.as_secs_f64();
    let asked_twice = async {
        asked_to_stop().await;
        println!("Stopping: up to {grace} s for requests in flight. Ctrl-C again stops at once.");
        let _ = stop.send(());
        asked_to_stop().await;
    };
    tokio::select! {
        in_time = server => in_time,
        () = asked_twice => {
            eprintln!("database: stopped at once; what was in flight is lost");
            // Not a return: that would wait for what is in flight. `exit` drops nothing.
            drop(place);
            std::process::exit(130)
        }
    }
}

/// Waits, at each call, for the next Ctrl-C or SIGTERM.
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
