//! A small HTTP/1.1 client, cheap enough not to be the bottleneck: plain TCP, one connection that is
//! kept, and cookies.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A failure, as it is printed.
pub(crate) type Outcome<T> = Result<T, String>;

/// A response.
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Outcome<serde_json::Value> {
        serde_json::from_slice(&self.body).map_err(|error| format!("{error} in {}", self.text()))
    }

    /// The response, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        let told: String = self.text().chars().take(300).collect();
        Err(format!("{} where {status} was expected: {told}", self.status))
    }
}

/// A browser or a client.
pub(crate) struct Agent {
    host: String,
    connection: Option<TcpStream>,
    cookies: Vec<(String, String)>,
    received: Vec<u8>,
}

impl Agent {
    pub(crate) fn new(host: &str) -> Self {
        let (cookies, received) = (Vec::new(), Vec::with_capacity(16_384));
        Self { host: host.to_owned(), connection: None, cookies, received }
    }

    /// Forgets all sessions.
    pub(crate) fn forget(&mut self) {
        self.cookies.clear();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Response> {
        self.send("GET", path, &[("accept", "*/*")], b"").await
    }

    pub(crate) async fn form(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Outcome<Response> {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send("POST", path, &all, body.as_bytes()).await
    }

    /// Sends a request. One over a connection that was closed meanwhile is sent again, once.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Outcome<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in headers {
            for part in [name, ": ", value, "\r\n"] {
                request.push_str(part);
            }
        }
        if !self.cookies.is_empty() {
            let all: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.push_str(&format!("cookie: {}\r\n", all.join("; ")));
        }
        if method == "POST" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let was_open = self.connection.is_some();
        let response = match self.exchange(&bytes).await {
            Err(_) if was_open => self.exchange(&bytes).await,
            answered => answered,
        };
        let response = response.map_err(|error| format!("{method} {path}: {error}"))?;
        self.keep_cookies(&response);
        Ok(response)
    }

    async fn exchange(&mut self, request: &[u8]) -> Outcome<Response> {
        let mut connection = if let Some(open) = self.connection.take() {
            open
        } else {
            let opened = TcpStream::connect(&self.host).await.map_err(|e| e.to_string())?;
            opened.set_nodelay(true).map_err(|e| e.to_string())?;
            opened
        };
        connection.write_all(request).await.map_err(|e| e.to_string())?;
        self.received.clear();
        let (mut response, at) = loop {
            more(&mut connection, &mut self.received).await?;
            if let Some(found) = head(&self.received)? {
                break found;
            }
        };
        let has_none = matches!(response.status, 204 | 304);
        let length = response.header("content-length").map(str::parse::<usize>);
        match length {
            _ if has_none => {}
            Some(Ok(length)) => {
                while self.received.len() < at + length {
                    more(&mut connection, &mut self.received).await?;
                }
                response.body = self.received[at..at + length].to_vec();
            }
            _ => response.body = chunks(&mut connection, &mut self.received, at).await?,
        }
        if response.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    fn keep_cookies(&mut self, response: &Response) {
        let set = response.headers.iter().filter(|(name, _)| name == "set-cookie");
        for (_, cookie) in set {
            let first = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = first.split_once('=') else { continue };
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() && !cookie.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

async fn more(connection: &mut TcpStream, received: &mut Vec<u8>) -> Outcome<()> {
    match connection.read_buf(received).await {
        Ok(0) => Err("the connection was closed".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The head of a response, once it is there, with its length.
fn head(bytes: &[u8]) -> Outcome<Option<(Response, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 96];
    let mut parsed = httparse::Response::new(&mut headers);
    match parsed.parse(bytes).map_err(|error| error.to_string())? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(length) => {
            let headers = parsed.headers.iter().map(|header| {
                let value = String::from_utf8_lossy(header.value).into_owned();
                (header.name.to_ascii_lowercase(), value)
            });
            let (status, headers) = (parsed.code.unwrap_or_default(), headers.collect());
            Ok(Some((Response { status, headers, body: Vec::new() }, length)))
        }
    }
}

/// A body in chunks, as event streams have it.
async fn chunks(
    connection: &mut TcpStream,
    received: &mut Vec<u8>,
    mut at: usize,
) -> Outcome<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(&received[at..]) {
            Ok(httparse::Status::Partial) => more(connection, received).await?,
            Ok(httparse::Status::Complete((skip, length))) => {
                let length = usize::try_from(length).map_err(|error| error.to_string())?;
                while received.len() < at + skip + length + 2 {
                    more(connection, received).await?;
                }
                if length == 0 {
                    return Ok(body);
                }
                body.extend_from_slice(&received[at + skip..at + skip + length]);
                at += skip + length + 2;
            }
            Err(_) => return Err("a chunk cannot be read".to_owned()),
        }
    }
}

/// A value as a form has it.
pub(crate) fn encoded(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            all.push_str(&format!("%{byte:02X}"));
        }
    }
    all
}

/// A parameter of a URL, as it is written there.
pub(crate) fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The value of a hidden field, in the part of a page that follows `after`.
pub(crate) fn hidden(page: &str, after: &str, name: &str) -> Outcome<String> {
    let missing = || format!("the page has no field {name} after {after:?}");
    let form = &page[page.find(after).ok_or_else(missing)?..];
    let mark = format!("name=\"{name}\" value=\"");
    let at = form.find(&mark).ok_or_else(missing)? + mark.len();
    let value = form[at..].split('"').next().unwrap_or_default();
    Ok(value.replace("&#38;", "&").replace("&amp;", "&").replace("&#x2f;", "/"))
}
