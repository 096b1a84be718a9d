//! Ctrl-C.

use std::time::Duration;

use tokio::time::timeout;

use crate::client::Client;
use crate::raw::Raw;
use crate::rules;
use crate::server::Server;

rules![everyone_is_told];

/// One who talks, one who has not joined, one who has sent half a head, one who does not answer
/// the close, and one who has not read for long.
async fn everyone_is_told(server: &Server) {
    if cfg!(not(unix)) {
        // There is no Ctrl-C that a program could send another.
        return;
    }
    let (mut ada, _) = Client::join(server, "Ada", "stops").await;
    let mut newcomer = Client::connect(server).await;
    let mut half = Raw::connect(server).await;
    half.write(b"GET / HTTP/1.1\r\n").await;
    let mut mute = Raw::joined(server, "Mute", "stops").await;
    let _deaf = Raw::joined(server, "Deaf", "stops").await;
    ada.ask("before").await;

    assert!(server.interrupt());
    let (messages, code) = ada.until_closed().await;
    let kinds: Vec<_> = messages.iter().map(|message| &message["type"]).collect();
    assert!(kinds.iter().any(|kind| **kind == "closing"), "{kinds:?}");
    assert_eq!(code, Some(1001));
    assert_eq!(newcomer.close_code().await, Some(1001));
    assert_eq!(mute.close_code().await, Some(1001));
    assert!(half.ends_within(Duration::from_secs(15)).await);
    // Nobody holds it up.
    let ended = timeout(Duration::from_secs(15), server.ended()).await;
    let (printed, code) = ended.unwrap();
    assert_eq!((printed.trim_end(), code), ("Stopped.", Some(0)));
}
