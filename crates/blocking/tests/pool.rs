//! What the chapter says of tokio's pool for blocking calls.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};
use tokio::time::{sleep, timeout};

/// For what must happen: a test that waits longer has failed.
const LONG: Duration = Duration::from_mins(1);

/// For what cannot happen: long enough for it to be seen if it did.
const SHORT: Duration = Duration::from_millis(20);

fn pool_of(threads: usize) -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.max_blocking_threads(threads).enable_all();
    builder.build().unwrap()
}

/// A job that keeps its thread until its gate is dropped.
struct Job {
    handle: JoinHandle<&'static str>,
    gate: mpsc::Sender<()>,
    began: Arc<AtomicBool>,
}

fn job() -> Job {
    let (gate, opened) = mpsc::channel();
    let began = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&began);
    let handle = spawn_blocking(move || {
        begins.store(true, Ordering::Release);
        let _ = opened.recv();
        "done"
    });
    Job {
        handle,
        gate,
        began,
    }
}

impl Job {
    fn has_begun(&self) -> bool {
        self.began.load(Ordering::Acquire)
    }

    async fn begins(&self) {
        while !self.has_begun() {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

#[test]
fn the_pool_has_at_most_512_threads() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let running = Arc::new(AtomicU32::new(0));
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let jobs: Vec<_> = (0..600)
        .map(|_| {
            let (running, gate) = (Arc::clone(&running), Arc::clone(&gate));
            runtime.spawn_blocking(move || {
                running.fetch_add(1, Ordering::Relaxed);
                let _ = gate.lock().unwrap().recv();
            })
        })
        .collect();
    runtime.block_on(async {
        while running.load(Ordering::Relaxed) < 512 {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(SHORT).await;
        assert_eq!(running.load(Ordering::Relaxed), 512);
        drop(open);
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert_eq!(running.load(Ordering::Relaxed), 600);
}

#[test]
fn a_job_waits_until_a_thread_is_free() {
    pool_of(1).block_on(async {
        let (first, second) = (job(), job());
        first.begins().await;
        sleep(SHORT).await;
        assert!(!second.has_begun());
        drop(first.gate);
        second.begins().await;
        drop(second.gate);
        assert_eq!(second.handle.await.unwrap(), "done");
    });
}

#[test]
fn a_job_that_has_begun_cannot_be_aborted() {
    pool_of(1).block_on(async {
        let job = job();
        job.begins().await;
        job.handle.abort();
        drop(job.gate);
        assert_eq!(job.handle.await.unwrap(), "done");
    });
}

#[test]
fn a_job_that_is_aborted_in_the_queue_is_awaited_until_a_thread_is_free() {
    pool_of(1).block_on(async {
        let (first, mut second) = (job(), job());
        first.begins().await;
        second.handle.abort();
        assert!(timeout(SHORT, &mut second.handle).await.is_err());
        drop(first.gate);
        let error = second.handle.await.unwrap_err();
        assert!(error.is_cancelled());
        assert!(!second.began.load(Ordering::Acquire));
    });
}

#[test]
fn a_timeout_over_a_job_ends_the_wait_and_not_the_job() {
    pool_of(1).block_on(async {
        let (told, end) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let job = spawn_blocking(move || {
            let _ = gate.recv();
            told.send("done").unwrap();
        });
        assert!(timeout(SHORT, job).await.is_err());
        assert!(end.try_recv().is_err());
        drop(open);
        assert_eq!(end.recv_timeout(LONG), Ok("done"));
    });
}

#[test]
fn a_panic_comes_back_as_an_error() {
    pool_of(1).block_on(async {
        let error = spawn_blocking(|| panic!("bug")).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
    });
}

/// A runtime whose only thread for jobs is busy with `first` while three jobs wait.
fn busy(first: impl FnOnce() + Send + 'static) -> (Runtime, Arc<AtomicU32>) {
    let runtime = pool_of(1);
    let ended = Arc::new(AtomicU32::new(0));
    let (began, beginning) = mpsc::channel();
    let end = Arc::clone(&ended);
    runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        first();
        end.fetch_add(1, Ordering::Relaxed);
    });
    for _ in 0..3 {
        let end = Arc::clone(&ended);
        runtime.spawn_blocking(move || end.fetch_add(1, Ordering::Relaxed));
    }
    beginning.recv_timeout(LONG).unwrap();
    (runtime, ended)
}

#[test]
fn to_drop_a_runtime_is_to_wait_for_the_whole_queue() {
    let (runtime, ended) = busy(|| sleep_here(SHORT));
    drop(runtime);
    assert_eq!(ended.load(Ordering::Relaxed), 4);
}

#[test]
fn shutdown_timeout_and_shutdown_background_leave_the_jobs_behind() {
    let ends: [fn(Runtime); 2] = [
        |runtime| runtime.shutdown_timeout(SHORT),
        Runtime::shutdown_background,
    ];
    for end in ends {
        let (open, gate) = mpsc::channel::<()>();
        let (runtime, ended) = busy(move || {
            let _ = gate.recv();
        });
        end(runtime);
        assert_eq!(ended.load(Ordering::Relaxed), 0);
        drop(open);
    }
}

fn sleep_here(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a job of the pool, or one that must block"
    )]
    thread::sleep(time);
}

#[test]
fn files_and_names_wait_for_the_pool_and_sockets_and_processes_do_not() {
    pool_of(1).block_on(async {
        let hog = job();
        hog.begins().await;
        let program = std::env::current_exe().unwrap();
        assert!(timeout(SHORT, tokio::fs::metadata(&program)).await.is_err());
        let name = tokio::net::lookup_host("localhost:80");
        assert!(timeout(SHORT, name).await.is_err());

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = timeout(LONG, tokio::net::TcpStream::connect(address)).await;
        assert!(stream.unwrap().is_ok());
        let mut child = tokio::process::Command::new(&program);
        child.arg("--help").stdout(std::process::Stdio::null());
        assert!(
            timeout(LONG, child.status())
                .await
                .unwrap()
                .unwrap()
                .success()
        );

        drop(hog.gate);
        assert!(
            timeout(LONG, tokio::fs::metadata(&program))
                .await
                .unwrap()
                .is_ok()
        );
    });
}

#[test]
fn a_semaphore_in_front_leaves_threads_for_others() {
    pool_of(2).block_on(async {
        let one_at_a_time = Arc::new(Semaphore::new(1));
        let jobs: Vec<_> = (0..3)
            .map(|_| {
                let one_at_a_time = Arc::clone(&one_at_a_time);
                let (gate, opened) = mpsc::channel::<()>();
                let task = tokio::spawn(async move {
                    let permit = one_at_a_time.acquire_owned().await.unwrap();
                    let job = spawn_blocking(move || {
                        let _permit = permit; // also when nobody awaits the job any more
                        opened.recv()
                    });
                    job.await.unwrap()
                });
                (gate, task)
            })
            .collect();
        sleep(SHORT).await;
        let program = std::env::current_exe().unwrap();
        assert!(
            timeout(LONG, tokio::fs::metadata(&program))
                .await
                .unwrap()
                .is_ok()
        );
        let (gates, tasks): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        drop(gates);
        for task in tasks {
            assert!(task.await.unwrap().is_err());
        }
    });
}

#[test]
fn a_runtime_does_not_wait_for_a_thread_that_is_not_of_its_pool() {
    let runtime = pool_of(1);
    let (tell, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let (open, gate) = mpsc::channel::<()>();
    // Stands in for a loop that reads a device.
    let reader = thread::spawn(move || {
        tell.send("a line").unwrap();
        let _ = gate.recv();
    });
    assert_eq!(runtime.block_on(lines.recv()), Some("a line"));
    drop(runtime);
    assert!(!reader.is_finished());
    drop(open);
    reader.join().unwrap();
}

#[test]
fn block_in_place_needs_a_runtime_with_several_threads() {
    let panic = pool_of(1)
        .block_on(async { tokio::spawn(async { block_in_place(|| ()) }).await })
        .unwrap_err()
        .into_panic();
    assert_eq!(
        panic.downcast_ref::<String>().map(String::as_str),
        Some("can call blocking only when running on the multi-threaded runtime")
    );
    assert_eq!(
        block_in_place(|| 7),
        7,
        "outside a runtime it is an ordinary call"
    );
}

#[test]
fn a_task_local_is_not_inherited() {
    tokio::task_local! {
        static REQUEST: u32;
    }
    pool_of(1).block_on(REQUEST.scope(7, async {
        assert!(spawn_blocking(|| REQUEST.try_get()).await.unwrap().is_err());
        let request = REQUEST.get();
        assert_eq!(spawn_blocking(move || request).await.unwrap(), 7);
    }));
}
