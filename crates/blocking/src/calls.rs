//! Which calls block, and what their async versions do instead.

use std::env;
use std::future::ready;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use crate::slow::Library;

const TIME: Duration = Duration::from_millis(20);

/// Six calls and their async versions, each beside a task that takes every turn it can get.
pub(crate) fn kinds() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    println!("{:14} {:>24} {:>27}", "", "blocking", "async");
    runtime.block_on(async {
        let blocking = turns_beside(async { Library::new().call(TIME) }).await;
        let awaited = turns_beside(tokio::time::sleep(TIME)).await;
        report("sleep", &blocking, &awaited);

        let blocking = turns_beside(async { black_box(count_primes(0..40_000)) }).await;
        let awaited = turns_beside(async {
            let mut primes = 0;
            for start in (0..40_000).step_by(1_000) {
                primes += count_primes(start..start + 1_000);
                yield_now().await;
            }
            black_box(primes)
        });
        report("computation", &blocking, &awaited.await);

        let program = env::current_exe()?;
        #[expect(clippy::disallowed_methods, reason = "this is the call that blocks")]
        let blocking = turns_beside(async { std::fs::read(&program) }).await;
        let awaited = turns_beside(tokio::fs::read(&program)).await;
        report("read a file", &blocking, &awaited);

        let server = slow_server()?;
        let blocking = turns_beside(async {
            let mut answer = Vec::new();
            TcpStream::connect(server)?.read_to_end(&mut answer)
        });
        let blocking = blocking.await;
        let awaited = turns_beside(async {
            let mut answer = Vec::new();
            let mut stream = tokio::net::TcpStream::connect(server).await?;
            stream.read_to_end(&mut answer).await
        });
        report("read a socket", &blocking, &awaited.await);

        // One takes a tenth of a millisecond, if it need not go through the network.
        #[expect(clippy::disallowed_methods, reason = "this is the call that blocks")]
        let blocking = turns_beside(async {
            for _ in 0..10 {
                black_box("localhost:80".to_socket_addrs()).ok();
            }
        });
        let blocking = blocking.await;
        let awaited = turns_beside(async {
            for _ in 0..10 {
                black_box(tokio::net::lookup_host("localhost:80").await).ok();
            }
        });
        report("resolve names", &blocking, &awaited.await);

        let lock = Arc::new(Mutex::new(()));
        hold(&lock)?;
        let blocking =
            turns_beside(async { drop(lock.lock().unwrap_or_else(PoisonError::into_inner)) }).await;
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        let guard = lock.clone().lock_owned().await;
        tokio::spawn(async {
            tokio::time::sleep(TIME).await;
            drop(guard);
        });
        let awaited = turns_beside(async { drop(lock.lock().await) }).await;
        report("take a lock", &blocking, &awaited);
        io::Result::Ok(())
    })
}

/// How long a call took, and how many turns another task had meanwhile.
struct Seen {
    took: Duration,
    turns: u32,
}

async fn turns_beside<T>(call: impl Future<Output = T>) -> Seen {
    let turns = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
        }
    });
    yield_now().await; // it has begun
    let before = turns.load(Ordering::Relaxed);
    let start = Instant::now();
    call.await;
    let took = start.elapsed();
    let turns = turns.load(Ordering::Relaxed) - before;
    other.abort();
    Seen { took, turns }
}

fn report(call: &str, blocking: &Seen, awaited: &Seen) {
    let shown = |Seen { took, turns }: &Seen| {
        format!("{:>8.1} ms, {turns:>6} turns", took.as_secs_f64() * 1e3)
    };
    println!("{call:14} {} | {}", shown(blocking), shown(awaited));
}

/// Work for a processor. It awaits nothing.
pub(crate) fn count_primes(range: std::ops::Range<u32>) -> usize {
    let is_prime = |n: u32| {
        let mut divisors = (2..n).take_while(|d| d * d <= n);
        n > 1 && divisors.all(|d| !n.is_multiple_of(d))
    };
    range.filter(|n| is_prime(*n)).count()
}

/// Answers each of two connections after a while.
fn slow_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::Builder::new().spawn(move || {
        for stream in listener.incoming().take(2).flatten() {
            Library::new().call(TIME);
            // Whoever asked may have gone.
            let _ = (&stream).write_all(b"answer");
        }
    })?;
    Ok(address)
}

/// Lets another thread have the lock for a while.
fn hold(lock: &Arc<Mutex<()>>) -> io::Result<()> {
    let (taken, is_taken) = mpsc::channel();
    let lock = Arc::clone(lock);
    thread::Builder::new().spawn(move || {
        let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = taken.send(());
        Library::new().call(TIME);
    })?;
    let _ = is_taken.recv();
    Ok(())
}

/// Which parts of tokio use a thread of the pool.
pub(crate) fn library() -> io::Result<()> {
    let program = env::current_exe()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    println!(
        "tokio::fs::read         {}",
        threads_for(tokio::fs::read(&program))?
    );
    println!(
        "lookup_host(localhost)  {}",
        threads_for(tokio::net::lookup_host("localhost:80"))?
    );
    println!(
        "lookup_host(127.0.0.1)  {}",
        threads_for(tokio::net::lookup_host("127.0.0.1:80"))?
    );
    println!(
        "TcpStream::connect      {}",
        threads_for(tokio::net::TcpStream::connect(server))?
    );
    println!(
        "time::sleep             {}",
        threads_for(async { tokio::time::sleep(TIME).await })?
    );
    let child = async {
        let mut command = tokio::process::Command::new(&program);
        command.arg("--help").stdout(Stdio::null()).status().await
    };
    println!("process::Command        {}", threads_for(child)?);
    println!("nothing                 {}", threads_for(ready(()))?);
    Ok(())
}

/// Runs the future on a runtime of its own and says which threads that runtime started.
fn threads_for<T>(future: impl Future<Output = T>) -> io::Result<String> {
    let started = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&started);
    let note = move || {
        let name = thread::current().name().unwrap_or("unnamed").to_owned();
        list.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(name);
    };
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .thread_name("of-the-pool")
        .on_thread_start(note)
        .build()?;
    runtime.block_on(future);
    let started = started.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(match &started[..] {
        [] => "no other thread".to_owned(),
        names => format!("a thread named {}", names.join(", ")),
    })
}
