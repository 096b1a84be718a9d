//! A PostgreSQL that goes away under load, and comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use database::Options;
use database::service::Limits;
use frameworks::suite::Client;
use tokio::time::sleep;

use crate::postgres::Postgres;
use crate::service::{Served, ask};

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    /// Each note that was answered 201: its number, and its title.
    stored: Mutex<BTreeMap<i64, String>>,
    created: AtomicU32,
    refused: AtomicU32,
    sent: AtomicU32,
    enough: AtomicBool,
}

async fn client(name: usize, address: std::net::SocketAddr, seen: Arc<Seen>) {
    let mut client = Client::new(address);
    for number in 0_u32.. {
        if seen.enough.load(Relaxed) {
            return;
        }
        let title = format!("client {name}, note {number}");
        let json = format!(r#"{{"title": "{title}"}}"#);
        seen.sent.fetch_add(1, Relaxed);
        let answer = ask(&mut client, "POST", "/notes", &json).await.unwrap();
        match answer.status {
            201 => {
                let note: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                let id = note["id"].as_i64().unwrap();
                assert!(
                    seen.stored.lock().unwrap().insert(id, title).is_none(),
                    "{id} twice"
                );
                seen.created.fetch_add(1, Relaxed);
            }
            503 => {
                assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
                seen.refused.fetch_add(1, Relaxed);
            }
            _ => panic!("{answer}"),
        }
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 30 s: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_note_that_was_answered_201_is_there_after_a_crash() {
    let Some(mut postgres) = Postgres::start().await else {
        return;
    };
    let options = Options {
        connections: 4,
        patience: Duration::from_millis(500),
    };
    let url = postgres.url("postgres");
    let pool = loop {
        // Half a second is little for a machine under load.
        if let Ok(pool) = database::open(&url, options).await {
            break pool;
        }
    };
    let served = Served::start(pool, Limits::default()).await;
    let seen = Arc::new(Seen::default());
    let clients: Vec<_> = (0..8)
        .map(|name| tokio::spawn(client(name, served.address, Arc::clone(&seen))))
        .collect();

    until("notes are stored", || seen.created.load(Relaxed) >= 50).await;
    tokio::task::block_in_place(|| postgres.crash());
    let refused = seen.refused.load(Relaxed);
    until("clients are refused", || {
        seen.refused.load(Relaxed) >= refused + 8
    })
    .await;
    let before = seen.created.load(Relaxed);
    postgres.start_again().await;
    until("notes are stored again", || {
        seen.created.load(Relaxed) >= before + 50
    })
    .await;
    seen.enough.store(true, Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(served.stop().await);

    let pool = database::open(&url, Options::default()).await.unwrap();
    let stored: Vec<(i64, String)> = sqlx::query_as("SELECT id, title FROM notes")
        .fetch_all(&pool)
        .await
        .unwrap();
    let stored: BTreeMap<_, _> = stored.into_iter().collect();
    pool.close().await;
    let answered = seen.stored.lock().unwrap();
    for (id, title) in answered.iter() {
        assert_eq!(stored.get(id), Some(title), "answered 201 and lost");
    }
    // The other way round there is no promise: a note can be stored, and the answer lost.
    let (sent, stored) = (seen.sent.load(Relaxed), stored.len());
    println!(
        "sent {sent}, answered 201: {}, stored: {stored}",
        answered.len()
    );
    assert!(stored <= usize::try_from(sent).unwrap());
}
