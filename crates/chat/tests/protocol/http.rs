//! What comes before the first frame.

use serde_json::Value;

use crate::client::Client;
use crate::raw::{FIN, Raw, TEXT, frame, upgrade};
use crate::rules;
use crate::server::{Server, eventually};

rules![
    pages,
    a_page_with_a_query,
    only_its_own_script,
    health,
    another_path,
    another_method,
    no_upgrade,
    another_version,
    the_key_is_answered,
    no_key,
    its_own_page_may_connect,
    another_page_may_not,
    no_compression,
    a_frame_in_the_same_packet,
    a_head_without_end,
    no_http,
];

/// One request on a connection of its own.
async fn ask(server: &Server, request: &str) -> String {
    let mut raw = Raw::connect(server).await;
    let head = request.replace("HOST", &server.address.to_string());
    raw.write(head.as_bytes()).await;
    raw.answer().await
}

async fn get(server: &Server, path: &str) -> String {
    ask(
        server,
        &format!("GET {path} HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    )
    .await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

async fn pages(server: &Server) {
    for (path, kind, within) in [
        ("/", "text/html; charset=utf-8", "<html"),
        ("/chat.js", "text/javascript; charset=utf-8", "WebSocket"),
        ("/chat.css", "text/css; charset=utf-8", "{"),
    ] {
        let answer = get(server, path).await;
        assert_eq!(status(&answer), "200", "{path}");
        assert_eq!(header(&answer, "content-type"), Some(kind));
        assert!(answer.contains(within), "{path}: {answer}");
    }
}

async fn a_page_with_a_query(server: &Server) {
    assert_eq!(status(&get(server, "/?room=rust").await), "200");
}

async fn only_its_own_script(server: &Server) {
    let answer = get(server, "/").await;
    let policy = header(&answer, "content-security-policy").unwrap();
    let mut parts = policy.split(';').map(str::trim);
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
    ] {
        assert!(parts.clone().any(|p| p == part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'));
    assert!(parts.any(|part| part.starts_with("connect-src")));
    assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
}

async fn health(server: &Server) {
    let (_client, _) = Client::join(server, "Ada", "health").await;
    let answer = get(server, "/health").await;
    assert_eq!(
        header(&answer, "content-type").unwrap().split(';').next(),
        Some("application/json")
    );
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(body["connections"].as_u64().unwrap() >= 1, "{body}");
    assert!(body["rooms"].as_u64().unwrap() >= 1, "{body}");
}

async fn another_path(server: &Server) {
    for path in [
        "/nowhere",
        "/chat.js/",
        "/../chat.py",
        "/%2e%2e/chat.py",
        "/chat.py",
        "//",
    ] {
        assert_eq!(status(&get(server, path).await), "404", "{path}");
    }
}

async fn another_method(server: &Server) {
    for path in ["/", "/chat.js", "/health", "/ws"] {
        for method in ["POST", "PUT", "DELETE"] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n");
            let answer = ask(server, &request).await;
            assert_eq!(status(&answer), "405", "{method} {path}");
            assert!(
                header(&answer, "allow").unwrap().contains("GET"),
                "{answer}"
            );
        }
    }
}

async fn no_upgrade(server: &Server) {
    let answer = get(server, "/ws").await;
    assert_eq!(status(&answer), "426");
    assert_eq!(header(&answer, "upgrade"), Some("websocket"));
}

async fn another_version(server: &Server) {
    for version in ["8", "7", "0", "", "thirteen"] {
        let request = upgrade(server, "").replace("Version: 13", &format!("Version: {version}"));
        let answer = ask(server, &request).await;
        assert_eq!(status(&answer), "426", "version {version:?}");
        assert_eq!(header(&answer, "sec-websocket-version"), Some("13"));
    }
}

async fn the_key_is_answered(server: &Server) {
    let answer = ask(server, &upgrade(server, "")).await;
    assert_eq!(status(&answer), "101");
    // The answer that RFC 6455 gives for its key.
    let accept = header(&answer, "sec-websocket-accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert!(
        header(&answer, "upgrade")
            .unwrap()
            .eq_ignore_ascii_case("websocket")
    );
    assert!(
        header(&answer, "connection")
            .unwrap()
            .eq_ignore_ascii_case("upgrade")
    );
}

async fn no_key(server: &Server) {
    let good = upgrade(server, "");
    for request in [
        good.replace("Sec-WebSocket-Key", "Another"),
        good.replace("Connection: Upgrade\r\n", ""),
    ] {
        let answer = ask(server, &request).await;
        assert!(status(&answer).starts_with('4'), "{answer}");
    }
}

async fn its_own_page_may_connect(server: &Server) {
    let origin = format!("Origin: http://{}\r\n", server.address);
    let answer = ask(server, &upgrade(server, &origin)).await;
    assert_eq!(status(&answer), "101", "{answer}");
}

async fn another_page_may_not(server: &Server) {
    let port = server.address.port();
    for origin in [
        "http://example.org".to_owned(),
        "null".to_owned(),
        format!("http://localhost:{port}"),
        format!("http://{}.example.org", server.address),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        String::new(),
    ] {
        let request = upgrade(server, &format!("Origin: {origin}\r\n"));
        assert_eq!(status(&ask(server, &request).await), "403", "{origin:?}");
    }
}

async fn no_compression(server: &Server) {
    let extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let answer = ask(server, &upgrade(server, extension)).await;
    assert_eq!(status(&answer), "101");
    assert_eq!(header(&answer, "sec-websocket-extensions"), None);
}

async fn a_frame_in_the_same_packet(server: &Server) {
    let mut raw = Raw::connect(server).await;
    let mut bytes = upgrade(server, "").into_bytes();
    let join = r#"{"type":"join","name":"Ada","room":"same-packet"}"#;
    bytes.extend(frame(FIN | TEXT, join).bytes());
    raw.write(&bytes).await;
    assert!(raw.answer().await.starts_with("HTTP/1.1 101"));
    assert_eq!(raw.message().await["type"], "welcome");
}

/// Half a megabyte of headers is neither kept nor waited for.
async fn a_head_without_end(server: &Server) {
    let mut raw = Raw::connect(server).await;
    raw.write(b"GET / HTTP/1.1\r\nHost: a\r\n").await;
    eventually("the server has enough", async || {
        let line = [b"X-More: ".as_slice(), &[b'x'; 5000], b"\r\n"].concat();
        raw.stream
            .try_write(&line)
            .is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
    })
    .await;
}

async fn no_http(server: &Server) {
    for bytes in [
        "\x16\x03\x01\x02\x00\x01\x00\x01",
        "SSH-2.0-client\r\n\r\n",
        "\r\n\r\n \r\n\r\n",
    ] {
        let mut raw = Raw::connect(server).await;
        raw.write(bytes.as_bytes()).await;
        // Whatever it answers, it does not wait for more of this.
        assert!(raw.close_code().await.is_none());
    }
}
