//! An event loop by hand: the gather lesson, and a server, on a loop of our own.
//!
//! You will see the programs of the gather lesson run on the loop that stands beside this file, and
//! on tokio, with the same result; the loop telling what it does, turn by turn; and a thousand
//! clients served at once by one thread.
//!
//! ```console
//! $ cargo run -p event-loop
//! $ cargo run -p event-loop -- --instant --trace
//! $ cargo run -p event-loop -- --clients 1000
//! ```
//!
//! In Python: `asyncio.run(main())`, whose loop is written in Python too.

mod echo;

use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::time::Duration;

use common::{Stage, Trace as _};
use event_loop::{Clock, EventLoop};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// What the programs below ask of an event loop, and no more.
trait Host: Copy + Send + Sync + 'static {
    fn now(self) -> Duration;

    fn sleep(self, duration: Duration) -> impl Future<Output = ()> + Send;

    /// Starts a task now, awaited or not.
    fn spawn<T: Send + 'static>(
        self,
        name: String,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T>;
}

/// Stands in for a request that takes two seconds.
async fn fetch_data(on: impl Host, task: usize) -> String {
    println!("Start fetching for task {task}");
    on.sleep(Duration::from_secs(2)).await;
    println!("Done fetching for task {task}");
    format!("task {task}: 123")
}

async fn wait(on: impl Host, seconds: u64) -> u64 {
    on.sleep(Duration::from_secs(seconds)).await;
    println!("Done after {seconds} s");
    seconds
}

async fn together(on: impl Host, tasks: usize) {
    let start = on.now();
    let mut handles = Vec::new();
    for task in 0..tasks {
        let name = format!("fetch_data({task})");
        let task = fetch_data(on, task).traced(&name);
        handles.push(on.spawn(name, task));
    }
    for handle in handles {
        println!("{}", handle.await);
    }
    println!("together: {:.1} s", (on.now() - start).as_secs_f64());
}

async fn staggered(on: impl Host) {
    let mut handles = Vec::new();
    for seconds in [3, 1, 2] {
        let name = format!("wait({seconds})");
        let task = wait(on, seconds).traced(&name);
        handles.push(on.spawn(name, task));
    }
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await);
    }
    println!("results: {results:?}");
}

/// The loop of this lesson.
#[derive(Clone, Copy)]
struct Ours;

impl Host for Ours {
    fn now(self) -> Duration {
        event_loop::now()
    }

    fn sleep(self, duration: Duration) -> impl Future<Output = ()> + Send {
        event_loop::sleep(duration)
    }

    fn spawn<T: Send + 'static>(
        self,
        name: String,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> {
        event_loop::spawn(name, task)
    }
}

/// tokio's, for comparison.
#[derive(Clone, Copy)]
struct Tokio {
    start: Instant,
}

impl Host for Tokio {
    fn now(self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }

    fn spawn<T: Send + 'static>(
        self,
        _: String,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> {
        let handle = tokio::spawn(task);
        // A task of ours that panics takes the loop with it. tokio catches the panic; we pass it on.
        async {
            handle
                .await
                .unwrap_or_else(|error| resume_unwind(error.into_panic()))
        }
    }
}

fn on_tokio(stage: &Stage, tokio: &Runtime) {
    let on = Tokio {
        start: Instant::now(),
    };
    stage.scene("together");
    tokio.block_on(together(on, 5));
    stage.scene("staggered");
    tokio.block_on(staggered(on));
}

fn on_ours(stage: &Stage, event_loop: &EventLoop) -> io::Result<()> {
    let clients: Option<usize> = stage.value("--clients");
    let server: Option<SocketAddr> = stage.value("--connect");
    if stage.instant() && (clients.is_some() || stage.is_on("--serve")) {
        stage.usage_error("--instant is for the two programs: no clock can hurry a socket");
    }
    match (clients, server) {
        (Some(clients), Some(server)) => {
            return event_loop.block_on(echo::clients(server, clients))?;
        }
        (Some(clients), None) => return event_loop.block_on(echo::server_and_clients(clients))?,
        (None, Some(_)) => stage.usage_error("--connect also needs --clients N"),
        (None, None) if stage.is_on("--serve") => {
            let port = stage.value("--port").unwrap_or(8080);
            return event_loop.block_on(echo::serve(port))?;
        }
        (None, None) => {}
    }
    stage.scene("together");
    event_loop.block_on(together(Ours, 5))?;
    stage.scene("staggered");
    event_loop.block_on(staggered(Ours))
}

fn run(stage: &Stage, tokio: &Runtime) -> io::Result<()> {
    // The timeline reads the clock of the tokio that it is in. Under `--instant` that one is paused.
    let _context = tokio.enter();
    match stage.value::<String>("--on").as_deref() {
        Some("tokio") if stage.is_on("--trace") || stage.is_on("--serve") => {
            stage.usage_error(
                "--on tokio runs the two programs only: leave --trace and --serve out",
            );
        }
        Some("tokio") => on_tokio(stage, tokio),
        Some("ours") | None => {
            let clock = if stage.instant() {
                Clock::Virtual
            } else {
                Clock::Real
            };
            let event_loop = EventLoop::new(clock)?;
            if stage.is_on("--trace") {
                event_loop.trace();
            }
            // And follows ours.
            let handle = tokio.handle().clone();
            event_loop.on_jump(move |by| handle.block_on(tokio::time::advance(by)));
            on_ours(stage, &event_loop)?;
        }
        Some(other) => stage.usage_error(format_args!("--on takes ours or tokio, not {other}")),
    }
    Ok(())
}

fn main() -> ExitCode {
    // For the command line and for `--on tokio`. Our loop needs none of it.
    let tokio = match Builder::new_current_thread().enable_time().build() {
        Ok(tokio) => tokio,
        Err(error) => {
            eprintln!("event-loop: cannot start tokio: {error}");
            return ExitCode::FAILURE;
        }
    };
    let stage =
        Stage::new("An event loop by hand: the gather lesson, and a server, on our own loop.")
            .option(
                "--on",
                "LOOP",
                "run the programs on LOOP: ours (default) or tokio",
            )
            .switch("--trace", "tell what our loop does, turn by turn")
            .switch("--serve", "serve echo until Ctrl-C instead")
            .option(
                "--port",
                "PORT",
                "with --serve: listen on PORT; 0 takes a free one (default 8080)",
            )
            .option(
                "--clients",
                "N",
                "serve N echo clients at once instead; they run in a second process",
            )
            .option(
                "--connect",
                "ADDRESS",
                "with --clients: only the clients, for a server at ADDRESS",
            )
            .begin();
    let stage = tokio.block_on(stage);
    if let Err(error) = run(&stage, &tokio) {
        eprintln!("event-loop: {error}");
        return ExitCode::FAILURE;
    }
    stage.finish()
}
