//! What a stream of bytes does that a device's author does not expect: four small scenes.
//!
//! In Python: `crates/sensors/streams.py`, with asyncio's streams.
//!
//! ```sh
//! cargo run -p sensors --bin streams
//! ```

use std::cell::RefCell;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use common::Stage;
use futures::StreamExt as _;
use sensors::wire::{BadLine, Lines};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, FramedRead, LinesCodec};

const MAX_LINE: usize = 4096;
/// Long enough for loopback, where bytes arrive within a millisecond.
const A_WHILE: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stage = Stage::new("What a stream of bytes does that one does not expect.")
        .package("sensors")
        .real_io()
        .begin()
        .await;
    match scenes().await {
        Ok(()) => stage.finish(),
        Err(error) => {
            eprintln!("streams: the loopback network failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn scenes() -> io::Result<()> {
    for (in_pieces, how) in [(false, "at once"), (true, "in pieces")] {
        println!("a line that is too long, {how}");
        let codec = LinesCodec::new_with_max_length(MAX_LINE);
        println!("  LinesCodec: {}", too_long(codec, in_pieces).await?);
        println!(
            "  our Lines: {}",
            too_long(Lines::default(), in_pieces).await?
        );
    }
    println!("a device that reads nothing");
    deaf().await?;
    println!("a device that is gone without a word");
    half_open().await?;
    println!("a goodbye");
    for read_on in [false, true] {
        goodbye(read_on).await?;
    }
    Ok(())
}

/// Two ends of one connection.
async fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let device = TcpStream::connect(listener.local_addr()?).await?;
    let (gateway, _) = listener.accept().await?;
    Ok((gateway, device))
}

/// A line of 15,000 bytes and two good ones: the first together with the bad one, or not.
async fn too_long<D: Decoder<Item: Kind>>(codec: D, in_pieces: bool) -> io::Result<String> {
    let (gateway, mut device) = connection().await?;
    let seen = RefCell::new(Vec::new());
    let send = async {
        if in_pieces {
            for _ in 0..5 {
                device.write_all(&[b'x'; 3000]).await?;
                sleep(A_WHILE / 5).await;
            }
            device.write_all(b"\none\n").await?;
        } else {
            let all = [&[b'x'; 7000][..], b"\none\n"].concat();
            device.write_all(&all).await?;
        }
        sleep(A_WHILE).await;
        seen.borrow_mut().push("(a pause)");
        device.write_all(b"two\n").await?;
        sleep(A_WHILE).await;
        drop(device);
        Ok::<_, io::Error>(())
    };
    let receive = async {
        let mut lines = FramedRead::new(gateway, codec);
        // A loop that ends at the first `None` would end too early: see the output.
        let mut ends = 0;
        while ends < 2 {
            let next = match lines.next().await {
                Some(Ok(item)) => item.kind(),
                Some(Err(_)) => "error",
                None => "None",
            };
            ends += usize::from(next == "None");
            seen.borrow_mut().push(next);
        }
    };
    let (written, ()) = tokio::join!(send, receive);
    written?;
    Ok(seen.into_inner().join(", "))
}

/// How an item of a codec is called here.
trait Kind {
    fn kind(&self) -> &'static str;
}

impl Kind for String {
    fn kind(&self) -> &'static str {
        match self.as_str() {
            "one" => "one",
            "two" => "two",
            _ => "another line",
        }
    }
}

impl Kind for Result<String, BadLine> {
    fn kind(&self) -> &'static str {
        self.as_ref().map_or("a bad line", Kind::kind)
    }
}

/// `write_all` waits as soon as the system takes no more. There is no buffer of its own to fill.
async fn deaf() -> io::Result<()> {
    let (mut gateway, _device) = connection().await?;
    let mut written = 0;
    while timeout(A_WHILE, gateway.write_all(&[b'x'; 1024]))
        .await
        .is_ok()
    {
        written += 1;
    }
    println!("  writing waits after {written} KiB");
    Ok(())
}

/// Of a device whose cable was pulled comes nothing, and nothing says so.
async fn half_open() -> io::Result<()> {
    let (mut gateway, _device) = connection().await?;
    let sent = gateway.write_all(b"are you there?\n").await;
    println!(
        "  writing to it: {}",
        if sent.is_ok() { "done" } else { "failed" }
    );
    let heard = timeout(A_WHILE, gateway.read_u8()).await;
    println!(
        "  reading from it: {}",
        if heard.is_err() {
            "still waiting"
        } else {
            "done"
        }
    );
    Ok(())
}

/// The gateway says goodbye to a device that has sent something that nobody has read.
async fn goodbye(read_on: bool) -> io::Result<()> {
    let (mut gateway, mut device) = connection().await?;
    device.write_all(b"one\ntwo\n").await?;
    sleep(A_WHILE).await;
    gateway.write_all(b"bye\n").await?;
    if read_on {
        gateway.shutdown().await?; // only the direction to the device
        let mut rest = Vec::new();
        let read = timeout(A_WHILE, gateway.read_to_end(&mut rest));
        let listen = async {
            let heard = listen(&mut device).await;
            drop(device);
            heard
        };
        let (_, heard) = tokio::join!(read, listen);
        println!("  shut down, and read on: the device hears {heard}");
    } else {
        drop(gateway);
        println!("  closed: the device hears {}", listen(&mut device).await);
    }
    Ok(())
}

/// What arrives. (`read_to_string` would leave out what has arrived before an error.)
async fn listen(device: &mut TcpStream) -> String {
    sleep(A_WHILE).await;
    let mut heard = Vec::new();
    let mut piece = [0; 100];
    loop {
        match device.read(&mut piece).await {
            Ok(0) => return format!("{:?}, and the end", String::from_utf8_lossy(&heard)),
            Ok(length) => heard.extend_from_slice(&piece[..length]),
            Err(error) => {
                return format!(
                    "{:?}, then {}",
                    String::from_utf8_lossy(&heard),
                    error.kind()
                );
            }
        }
    }
}
