//! One HTTP/1.1 request over a plain socket, and its answer as lines that can be compared.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15);

/// The headers that a client acts on. Others, such as `server` and `date`, name the library.
const HEADERS: [&str; 3] = ["allow", "content-length", "content-type"];

/// The address that a server's first line names: `127.0.0.1:8080`.
pub(crate) fn address(line: &str) -> Option<String> {
    let hosts = ["127.0.0.1:", "localhost:", "[::1]:", "0.0.0.0:"];
    let places = hosts.iter().map(|host| (line.find(host), host.len()));
    let (start, length) = places
        .filter_map(|(at, length)| at.map(|at| (at, length)))
        .min()?;
    let rest = &line[start..];
    let digits = rest[length..]
        .chars()
        .take_while(char::is_ascii_digit)
        .count();
    (digits > 0).then(|| rest[..length + digits].to_owned())
}

/// Sends `METHOD PATH [BODY]` and returns the answer.
///
/// # Errors
///
/// If nothing answers.
pub(crate) fn send(address: &str, request: &str) -> Result<Vec<String>, String> {
    let mut words = request.splitn(3, ' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(format!("`{request}` is not `METHOD PATH [BODY]`"));
    };
    let body = words.next().unwrap_or_default();
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if !body.is_empty() || method == "POST" || method == "PUT" {
        bytes += &format!("Content-Length: {}\r\n", body.len());
    }
    bytes += &format!("\r\n{body}");
    let answer = exchange(address, &bytes).map_err(|error| format!("{request}: {error}"))?;
    Ok(lines(request, method == "HEAD", &answer))
}

fn exchange(address: &str, bytes: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(bytes.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The answer without what differs from library to library and means the same.
fn lines(request: &str, head: bool, answer: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answer);
    let (start, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut start = start.lines();
    let code = start.next().and_then(|line| line.split(' ').nth(1));
    let mut lines = vec![format!("{request}: {}", code.unwrap_or("no answer"))];
    let mut headers: Vec<(String, String)> = start
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .filter(|(name, _)| HEADERS.contains(&name.as_str()))
        .collect();
    headers.sort();
    for (name, mut value) in headers {
        if name == "allow" {
            let mut methods: Vec<&str> = value.split(',').map(str::trim).collect();
            methods.sort_unstable();
            value = methods.join(", ");
        }
        lines.push(format!("  {name}: {value}"));
    }
    if head && !body.is_empty() {
        lines.push("  an answer to HEAD with a body".to_owned());
    }
    lines.extend(body.lines().map(|line| format!("  | {line}")));
    lines
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn the_address_is_in_the_first_line() {
        let address = |line| address(line);
        assert_eq!(
            address("Listening on http://127.0.0.1:4321/ (Ctrl-C stops)").as_deref(),
            Some("127.0.0.1:4321")
        );
        assert_eq!(address("at [::1]:80").as_deref(), Some("[::1]:80"));
        assert_eq!(address("Listening"), None);
        assert_eq!(address("at 127.0.0.1:"), None);
    }

    #[test]
    fn an_answer_is_its_code_the_headers_that_matter_and_its_body() {
        let answer = b"HTTP/1.1 405 Method Not Allowed\r\nDate: now\r\nContent-Length: 3\r\n\
                       allow: HEAD,GET\r\n\r\nno\n";
        assert_eq!(
            lines("POST /", false, answer),
            [
                "POST /: 405",
                "  allow: GET, HEAD",
                "  content-length: 3",
                "  | no"
            ]
        );
        let with_body = b"HTTP/1.1 200 OK\r\n\r\nbody";
        assert!(lines("HEAD /", true, with_body)[1].contains("HEAD with a body"));
        assert_eq!(lines("GET /", false, b""), ["GET /: no answer"]);
    }

    #[test]
    fn a_request_is_sent_as_it_is_written() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhi").unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        assert_eq!(
            send(&address, "POST /echo hello you").unwrap(),
            ["POST /echo hello you: 200", "  | hi"]
        );
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /echo HTTP/1.1\r\n"), "{request}");
        assert!(
            request.ends_with("Content-Length: 9\r\n\r\nhello you"),
            "{request}"
        );
        assert!(send(&address, "GET /").is_err(), "nobody listens any more");
        assert!(send(&address, "GET").is_err());
    }
}
