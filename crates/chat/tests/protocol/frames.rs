//! Frames, good and hostile: each offence has its close code.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::client::Client;
use crate::raw::{BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, Raw, TEXT, frame, head};
use crate::rules;
use crate::server::Server;

rules![
    reserved_bits,
    unknown_opcodes,
    without_a_mask: "aiohttp's reader does not look whether a client masks",
    binary,
    control_frames_of_more_than_125_bytes,
    control_frames_in_fragments,
    a_continuation_of_nothing,
    a_message_within_a_message,
    no_utf8,
    no_utf8_over_two_fragments,
    a_character_over_two_fragments,
    the_largest_message,
    too_large_a_message,
    too_large_by_its_head,
    too_large_in_fragments,
    tiny_fragments_without_end,
    empty_fragments_without_end,
    frames_byte_by_byte,
    a_ping_is_answered,
    a_ping_within_a_message,
    an_unasked_pong,
    the_client_closes,
    the_client_closes_without_a_code,
    bad_close_frames,
    a_code_that_says_the_connection_was_lost: "aiohttp takes 1006 from a frame, where it must not stand",
    who_closes_is_not_waited_for,
    a_reset,
];

/// Sends this on a connection that has joined, and returns the close code that comes.
async fn code_for(server: &Server, room: &str, frames: &[Frame]) -> Option<u16> {
    let mut raw = Raw::joined(server, "Mallory", room).await;
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    raw.write(&bytes).await;
    raw.close_code().await
}

fn text(payload: &str) -> Frame {
    frame(FIN | TEXT, payload)
}

/// A message with white space at its end, as JSON allows it, so that it has this many bytes.
fn padded(size: usize) -> String {
    format!("{:<size$}", r#"{"type":"say","text":"hi","ref":"padded"}"#)
}

async fn is_accepted(raw: &mut Raw) {
    loop {
        let message = raw.message().await;
        if message["type"] == "accepted" {
            return;
        }
    }
}

async fn reserved_bits(server: &Server) {
    for bit in [0x40, 0x20, 0x10] {
        let reserved = [frame(FIN | bit | TEXT, padded(50))];
        assert_eq!(code_for(server, "reserved", &reserved).await, Some(1002));
    }
}

async fn unknown_opcodes(server: &Server) {
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        let unknown = [frame(FIN | opcode, "")];
        let code = code_for(server, "opcodes", &unknown).await;
        assert_eq!(code, Some(1002), "{opcode:x}");
    }
}

async fn without_a_mask(server: &Server) {
    let mut unmasked = text(&padded(50));
    unmasked.masked = false;
    let frames = [unmasked, frame(FIN | CLOSE, 1000_u16.to_be_bytes())];
    assert_eq!(code_for(server, "unmasked", &frames).await, Some(1002));
}

async fn binary(server: &Server) {
    let room = "binary";
    assert_eq!(
        code_for(server, room, &[frame(FIN | BINARY, [1, 2])]).await,
        Some(1003)
    );
    let fragments = [frame(BINARY, [1]), frame(FIN | CONTINUATION, [2])];
    assert_eq!(code_for(server, room, &fragments).await, Some(1003));
    let mut raw = Raw::upgraded(server).await;
    raw.send(&frame(FIN | BINARY, [1])).await;
    assert_eq!(raw.close_code().await, Some(1003), "before it has joined");
}

async fn control_frames_of_more_than_125_bytes(server: &Server) {
    for opcode in [PING, PONG, CLOSE] {
        let long = [frame(FIN | opcode, [b'x'; 126])];
        let code = code_for(server, "long-control", &long).await;
        assert_eq!(code, Some(1002), "{opcode:x}");
    }
}

async fn control_frames_in_fragments(server: &Server) {
    for opcode in [PING, PONG, CLOSE] {
        let code = code_for(server, "split-control", &[frame(opcode, "")]).await;
        assert_eq!(code, Some(1002), "{opcode:x}");
    }
}

async fn a_continuation_of_nothing(server: &Server) {
    for first in [CONTINUATION, FIN | CONTINUATION] {
        let lost = [frame(first, "x")];
        assert_eq!(code_for(server, "lost", &lost).await, Some(1002));
    }
}

async fn a_message_within_a_message(server: &Server) {
    for second in [TEXT, FIN | TEXT] {
        let frames = [frame(TEXT, "{"), frame(second, "}")];
        assert_eq!(code_for(server, "within", &frames).await, Some(1002));
    }
}

async fn no_utf8(server: &Server) {
    let bad: [&[u8]; 5] = [
        b"\xff",
        b"\xc0\xaf",
        // Half of a surrogate pair.
        b"\xed\xa0\x80",
        // Beyond Unicode.
        b"\xf4\x90\x80\x80",
        // A character that is cut off.
        b"\xe2\x82",
    ];
    for bad in bad {
        let code = code_for(server, "utf8", &[frame(FIN | TEXT, bad)]).await;
        assert_eq!(code, Some(1007), "{bad:x?}");
    }
}

async fn no_utf8_over_two_fragments(server: &Server) {
    let frames = [
        frame(TEXT, b"\"\xe2\x82"),
        frame(FIN | CONTINUATION, b"\x28\""),
    ];
    assert_eq!(code_for(server, "utf8-split", &frames).await, Some(1007));
}

async fn a_character_over_two_fragments(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "euro").await;
    let (start, end) = br#"{"type":"say","text":"100 !"}"#.split_at(26);
    raw.send(&frame(TEXT, [start, b"\xe2\x82"].concat())).await;
    raw.send(&frame(FIN | CONTINUATION, [b"\xac", end].concat()))
        .await;
    assert_eq!(raw.message().await["text"], "100 €!");
}

async fn the_largest_message(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "largest").await;
    raw.send(&text(&padded(16 * 1024))).await;
    is_accepted(&mut raw).await;
    let (half, rest) = (&padded(16 * 1024)[..8192], &padded(16 * 1024)[8192..]);
    raw.send(&frame(TEXT, half)).await;
    raw.send(&frame(FIN | CONTINUATION, rest)).await;
    is_accepted(&mut raw).await;
}

async fn too_large_a_message(server: &Server) {
    let large = [text(&padded(16 * 1024 + 1))];
    assert_eq!(code_for(server, "too-large", &large).await, Some(1009));
}

/// The payload never comes: the length alone is enough.
async fn too_large_by_its_head(server: &Server) {
    for length in [16 * 1024 + 1, 1 << 20, 1 << 32, (1 << 62) + 1] {
        let mut raw = Raw::joined(server, "Mallory", "by-head").await;
        raw.write(&head(FIN | TEXT, true, length)).await;
        raw.write(&[0; 4]).await;
        assert_eq!(raw.close_code().await, Some(1009), "{length}");
    }
}

async fn too_large_in_fragments(server: &Server) {
    let (half, rest) = (
        &padded(16 * 1024 + 1)[..8192],
        &padded(16 * 1024 + 1)[8192..],
    );
    let frames = [frame(TEXT, half), frame(FIN | CONTINUATION, rest)];
    assert_eq!(
        code_for(server, "too-large-parts", &frames).await,
        Some(1009)
    );
}

async fn tiny_fragments_without_end(server: &Server) {
    let mut raw = Raw::joined(server, "Mallory", "tiny").await;
    let mut bytes = frame(TEXT, " ").bytes();
    bytes.extend(frame(CONTINUATION, " ").bytes().repeat(16 * 1024));
    raw.write(&bytes).await;
    assert_eq!(raw.close_code().await, Some(1009));
}

/// Nothing that could be kept: it is refused, or it costs nothing.
async fn empty_fragments_without_end(server: &Server) {
    let before = server.memory();
    let mut raw = Raw::joined(server, "Mallory", "empty").await;
    raw.send(&frame(TEXT, "")).await;
    let many = frame(CONTINUATION, "").bytes().repeat(200_000);
    // It may be closed before all are written.
    let _ = raw.stream.write_all(&many).await;
    let mut other = Client::join(server, "Ada", "empty").await.0;
    assert_eq!(other.ask("still here").await["type"], "accepted");
    if let (Some(before), Some(after)) = (before, server.memory()) {
        assert!(after < before + 32, "{before} MiB have become {after} MiB");
    }
}

async fn frames_byte_by_byte(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "slowly").await;
    for byte in text(&padded(130)).bytes() {
        raw.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    is_accepted(&mut raw).await;
}

async fn a_ping_is_answered(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "ping").await;
    for payload in [[].as_slice(), b"hello", &[0xFF; 125]] {
        raw.send(&frame(FIN | PING, payload)).await;
        let expected = (FIN | PONG, payload.to_owned());
        assert_eq!(raw.frame().await, Some(expected));
    }
}

async fn a_ping_within_a_message(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "ping-within").await;
    let message = padded(60);
    raw.send(&frame(TEXT, &message[..20])).await;
    raw.send(&frame(FIN | PING, "now")).await;
    assert_eq!(raw.frame().await, Some((FIN | PONG, b"now".to_vec())));
    raw.send(&frame(FIN | CONTINUATION, &message[20..])).await;
    is_accepted(&mut raw).await;
}

async fn an_unasked_pong(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "pong").await;
    raw.send(&frame(FIN | PONG, "nobody asked")).await;
    raw.send(&text(&padded(60))).await;
    is_accepted(&mut raw).await;
}

async fn the_client_closes(server: &Server) {
    let closing = [frame(FIN | CLOSE, 1000_u16.to_be_bytes())];
    assert_eq!(code_for(server, "closes", &closing).await, Some(1000));
}

async fn the_client_closes_without_a_code(server: &Server) {
    let mut raw = Raw::joined(server, "Ada", "closes-mute").await;
    raw.send(&frame(FIN | CLOSE, "")).await;
    let (first, _) = raw.frame().await.unwrap();
    assert_eq!(first, FIN | CLOSE);
    assert!(raw.frame().await.is_none(), "and the connection ends");
}

async fn bad_close_frames(server: &Server) {
    // Half a code; codes that no frame may carry; a reason that is no UTF-8.
    let bad: [(&[u8], &[u16]); 4] = [
        (b"\x03", &[1002]),
        (b"\x03\xed", &[1002]),
        (b"\x00\x01", &[1002]),
        (b"\x03\xe8\xff", &[1002, 1007]),
    ];
    for (payload, codes) in bad {
        let code = code_for(server, "bad-close", &[frame(FIN | CLOSE, payload)]).await;
        assert!(
            codes.iter().any(|c| Some(*c) == code),
            "{payload:x?}: {code:?}"
        );
    }
}

async fn a_code_that_says_the_connection_was_lost(server: &Server) {
    let lost = [frame(FIN | CLOSE, 1006_u16.to_be_bytes())];
    assert_eq!(code_for(server, "lost-code", &lost).await, Some(1002));
}

/// A server that waited for the answer to its close would keep who never answers.
async fn who_closes_is_not_waited_for(server: &Server) {
    let mut raw = Raw::joined(server, "Mallory", "no-answer").await;
    raw.send(&frame(FIN | BINARY, "")).await;
    assert!(raw.ends_within(Duration::from_secs(15)).await);
}

async fn a_reset(server: &Server) {
    let (mut ada, _) = Client::join(server, "Ada", "reset").await;
    let raw = Raw::joined(server, "Bob", "reset").await;
    ada.next_of("joined").await;
    raw.stream.set_zero_linger().unwrap();
    drop(raw);
    assert_eq!(ada.next_of("left").await["name"], "Bob");
}
