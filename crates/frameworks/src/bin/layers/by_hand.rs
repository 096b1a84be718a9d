//! Bytes, answered by hand.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::client::{self, get, last};

/// Reads a request, answers it, closes.
async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = [0; 1024];
    // One `read` is not one request: it is what has arrived by now.
    let Ok(length) = socket.read(&mut buffer).await else {
        return;
    };
    let request = String::from_utf8_lossy(&buffer[..length]);
    let path = request.split_ascii_whitespace().nth(1).unwrap_or("?");
    let body = format!("you asked for {path}");
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = socket.write_all(answer.as_bytes()).await;
}

pub(crate) async fn run() {
    println!("bytes: what has arrived is taken for a request");
    let two = get("/milk") + &last("/bread");
    for (what, pieces) in [
        ("a request", vec![&*get("/milk")]),
        (
            "a request in two pieces",
            vec!["GET /mi", "lk HTTP/1.1\r\n\r\n"],
        ),
        ("two requests in one piece", vec![&*two]),
        ("no HTTP", vec!["milk, please\r\n\r\n"]),
    ] {
        let (socket, server) = client::connection();
        tokio::spawn(serve(server));
        println!("  {what:<27}{}", client::send(socket, &pieces).await);
    }
}
