//! As much of HTTP/1.1 as a stand-in needs: requests read, and replies written, the broken
//! ones too. Written by hand because a library would refuse to send most of these.

use std::io::{self, Read, Write};
use std::time::Duration;

/// A connection, plain or in TLS.
pub(crate) trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// What a client asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they stood in the request line.
    pub(crate) target: String,
    /// In their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// How many times this target was asked before.
    pub(crate) nth: usize,
}

impl Request {
    /// The value of a header, its name given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The target's path, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// A parameter of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

/// What a client gets.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A whole answer; the connection stays open, unless a header `Connection: close` says otherwise.
    Whole { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Announces the whole body, sends its beginning, and closes.
    CutOff { body: Vec<u8>, sent: usize },
    /// Sends the whole body as one chunk, and closes before the chunk that ends an answer.
    CutOffChunked { body: Vec<u8> },
    /// Announces the whole body and sends one byte of it a second.
    Drip { body: Vec<u8> },
    /// Never answers, and keeps the connection until the client lets go of it.
    Silence,
    /// Closes the connection without a word.
    Close,
    /// These bytes, whatever they are, and closes.
    Raw(Vec<u8>),
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Reply {
        Reply::typed(200, "application/json", body)
    }

    /// An answer of this status and type.
    pub(crate) fn typed(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Reply::Whole { status, headers, body: body.into() }
    }

    /// A refusal as an API server words it: a `Status` with a message.
    pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> Reply {
        let status = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Reply::typed(code, "application/json", status.to_string())
    }

    /// Points elsewhere.
    pub(crate) fn redirect(location: &str) -> Reply {
        Reply::typed(302, "text/html", "<a href=\"/elsewhere\">Found</a>.\n")
            .with_header("Location", location)
    }

    /// The same answer with one more header.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Reply {
        let Reply::Whole { headers, .. } = &mut self else {
            panic!("only a whole answer takes a header");
        };
        headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it; true if the connection can take another request. A client that has gone is
    /// not an error. `pause` lets time pass and says whether to go on.
    pub(crate) fn send(&self, wire: &mut dyn Wire, pause: &dyn Fn(Duration) -> bool) -> bool {
        let sent = match self {
            Reply::Whole { status, headers, body } => {
                let head = head(*status, headers, Some(body.len()));
                let sent = write(wire, head.as_bytes()).and_then(|()| write(wire, body));
                let closes = headers.contains(&("Connection".to_owned(), "close".to_owned()));
                if closes { sent.and_then(stop_here) } else { sent }
            }
            Reply::CutOff { body, sent } => {
                let head = head(200, &json_type(), Some(body.len()));
                let part = &body[..*sent];
                write(wire, head.as_bytes()).and_then(|()| write(wire, part)).and_then(stop_here)
            }
            Reply::CutOffChunked { body } => {
                let head = head(200, &json_type(), None);
                let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
                write(wire, head.as_bytes()).and_then(|()| write(wire, &chunk)).and_then(stop_here)
            }
            Reply::Drip { body } => drip(wire, body, pause),
            Reply::Silence => wait_for_the_end(wire),
            Reply::Close => stop_here(()),
            Reply::Raw(bytes) => write(wire, bytes).and_then(stop_here),
        };
        sent.is_ok()
    }
}

/// Reads the next request, none if the client has gone. What came after it stays in `buffer`.
pub(crate) fn read_request(wire: &mut dyn Wire, buffer: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 4096];
        match wire.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
    };
    let head = String::from_utf8(buffer.drain(..end + 4).collect()).expect("a head is text");
    let mut lines = head.split("\r\n");
    let mut words = lines.next().expect("a head has a first line").split(' ');
    let method = words.next().expect("a request line begins with a method").to_owned();
    let target = words.next().expect("a request line has a target").to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Request { method, target, headers, nth: 0 })
}

/// Status line and headers.
pub(crate) fn head(status: u16, headers: &[(String, String)], length: Option<usize>) -> String {
    let named = headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat());
    let length = match length {
        Some(length) => format!("Content-Length: {length}\r\n"),
        None => "Transfer-Encoding: chunked\r\n".to_owned(),
    };
    let named: String = named.chain([length]).collect();
    format!("HTTP/1.1 {status} {}\r\n{named}\r\n", reason(status))
}

/// What an answer in JSON says of itself.
pub(crate) fn json_type() -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), "application/json".to_owned())]
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}

fn write(wire: &mut dyn Wire, bytes: &[u8]) -> io::Result<()> {
    wire.write_all(bytes)?;
    wire.flush()
}

/// Ends the connection.
fn stop_here((): ()) -> io::Result<()> {
    Err(io::ErrorKind::ConnectionAborted.into())
}

fn drip(wire: &mut dyn Wire, body: &[u8], pause: &dyn Fn(Duration) -> bool) -> io::Result<()> {
    write(wire, head(200, &json_type(), Some(body.len())).as_bytes())?;
    for byte in body {
        write(wire, &[*byte])?;
        if !pause(Duration::from_secs(1)) {
            return stop_here(());
        }
    }
    Ok(())
}

fn wait_for_the_end(wire: &mut dyn Wire) -> io::Result<()> {
    while wire.read(&mut [0; 512])? > 0 {}
    stop_here(())
}
