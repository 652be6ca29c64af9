//! Doing it: the answers of an upstream over each transport, byte by byte.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    Inner, OddHabit as H, RawAnswer, answered,
    answers::{JSON, PAGE, Said, answer, message},
    events::{self, event},
};
use crate::packed::{deflated, gzipped};

/// One HTTP request.
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Value,
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok().filter(|read| *read > 0)?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request { method, path, headers, body })
}

fn response(status: u16, kind: &str, body: &str, header: &str) -> String {
    let kind = if kind.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
    let length =
        if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("HTTP/1.1 {status} said\r\n{kind}{header}{length}connection: close\r\n\r\n{body}")
}

/// A response as it is sent: compressed, where that is the misbehaviour.
fn packed(inner: &Inner, called: bool, text: String) -> Vec<u8> {
    let ours = match inner.habit {
        Some(H::Gzip | H::GzipEvents | H::Deflate | H::NamedGzip) => true,
        Some(H::Brotli | H::GzipCut | H::GzipBomb) => called,
        _ => false,
    };
    let Some((head, body)) =
        text.split_once("\r\n\r\n").filter(|(_, body)| ours && !body.is_empty())
    else {
        return text.into_bytes();
    };
    let (coding, body) = match inner.habit {
        Some(H::Deflate) => ("deflate", deflated(body.as_bytes())),
        Some(H::NamedGzip) => ("gzip", body.as_bytes().to_vec()),
        Some(H::Brotli) => ("br", body.as_bytes().to_vec()),
        Some(H::GzipCut) => ("gzip", gzipped(body.as_bytes())[..20].to_vec()),
        // 64 MiB of nothing, in members of one each.
        Some(H::GzipBomb) => ("gzip", gzipped(&vec![b' '; 1024 * 1024]).repeat(64)),
        _ => ("GZIP", gzipped(body.as_bytes())),
    };
    let lines = head.lines().filter(|line| !line.starts_with("content-length"));
    let head = lines.fold(String::new(), |head, line| head + line + "\r\n");
    let head =
        format!("{head}content-encoding: {coding}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

/// The response to a message of an unknown session; `None` if the session exists.
fn forgotten(inner: &Inner, asked: &Value, session: &str) -> Option<Said> {
    let habit = inner.habit.filter(|habit| habit.forgets())?;
    let mut state = inner.lock();
    if asked["method"] == "tools/call" {
        let always = habit == H::ForgetsAlways;
        if (!state.done || always) && habit != H::BadRequestIsAnAnswer {
            state.done = true;
            state.session += 1;
        }
    }
    if session == state.session.to_string() {
        return None;
    }
    let refusal = |id: Value| {
        let error = json!({"error": {"code": -32000, "message": "No valid session"}});
        message(&id, &error).to_string()
    };
    Some(match habit {
        H::Forgets404 => Said::Status(404, JSON, refusal(Value::Null), ""),
        H::Forgets410 => Said::Status(410, "text/plain", "gone".to_owned(), ""),
        H::Forgets404Page => Said::Status(404, "text/html", PAGE.to_owned(), ""),
        H::Forgets400ServerErrorId => Said::Status(400, JSON, refusal(json!("server-error")), ""),
        H::Forgets400OwnId => Said::Status(400, JSON, refusal(asked["id"].clone()), ""),
        _ => Said::Status(400, JSON, refusal(Value::Null), ""),
    })
}

/// The target of a redirect of the request; `None` if its path is right.
fn redirected(inner: &Inner, path: &str) -> Option<String> {
    let status = inner.habit?.redirects()?;
    let target = match (inner.habit?, path) {
        (H::RedirectLoop, _) => "/mcp".to_owned(),
        (H::RedirectTwice, "/again") => "/moved".to_owned(),
        (H::RedirectTwice, "/mcp" | "/sse") => "/again".to_owned(),
        (H::RedirectRelative, "/mcp" | "/sse") => "moved".to_owned(),
        (H::RedirectWithoutScheme, "/mcp" | "/sse") => {
            format!("//127.0.0.1:{}/moved", inner.port)
        }
        (H::RedirectOtherScheme, "/mcp" | "/sse") => {
            format!("https://127.0.0.1:{}/moved", inner.port)
        }
        (H::RedirectCapitals, "/mcp" | "/sse") => format!("HTTP://127.0.0.1:{}/moved", inner.port),
        (H::RedirectFragment, "/mcp" | "/sse") => "/moved#here".to_owned(),
        (H::RedirectQuery, "/mcp" | "/sse") => "/moved?a=b".to_owned(),
        (H::RedirectDots, "/mcp" | "/sse") => "./x/../moved".to_owned(),
        (H::RedirectBlanks, "/mcp" | "/sse") => "  \t/moved \t ".to_owned(),
        (H::RedirectLetters, "/mcp" | "/sse") => "/moved/größe".to_owned(),
        (H::RedirectUser, "/mcp" | "/sse") => format!("http://a:b@127.0.0.1:{}/moved", inner.port),
        (H::RedirectOtherPort, "/mcp" | "/sse") => "http://127.0.0.1:9/moved".to_owned(),
        (H::RedirectName, "/mcp" | "/sse") => format!("http://localhost:{}/moved", inner.port),
        (H::RedirectEmpty, "/mcp" | "/sse") => String::new(),
        (H::RedirectOdd, "/mcp" | "/sse") => "http://[".to_owned(),
        (H::RedirectWithout, "/mcp" | "/sse") => return Some(response(status, "", "", "")),
        (H::RedirectElsewhere, "/mcp" | "/sse") => "http://localhost:9/moved".to_owned(),
        (_, "/mcp" | "/sse") => format!("http://127.0.0.1:{}/moved", inner.port),
        _ => return None,
    };
    Some(response(status, "", "", &format!("location: {target}\r\n")))
}

/// The stream of the old transport.
async fn old_stream(stream: &mut BufReader<TcpStream>, inner: &Inner) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    let number = {
        let mut state = inner.lock();
        state.streams.push(sender);
        state.streams.len() - 1
    };
    let session = inner.lock().session;
    let first = events::begin(inner, &format!("/messages?{number}.{session}"));
    if stream.write_all(first.as_bytes()).await.is_err() {
        return;
    }
    while let Some(text) = receiver.recv().await {
        let written = stream.write_all(event(inner, &text).as_bytes()).await;
        if written.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// The response to a message that asks for nothing.
fn noted(inner: &Inner) -> Option<String> {
    match inner.habit {
        Some(H::InitializedRefused) => Some(response(400, "", "", "")),
        Some(H::InitializedFails) => Some(response(500, "text/html", "<html>", "")),
        Some(H::InitializedCloses) => None,
        Some(H::InitializedAnswered) => {
            Some(response(200, JSON, r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, ""))
        }
        _ => Some(response(202, "", "", "")),
    }
}

/// The response to a message that was posted; `None` to close the connection.
async fn posted(inner: &Inner, request: &Request) -> Option<String> {
    let asked = &request.body;
    let method = asked["method"].as_str().unwrap_or_default();
    inner.lock().methods.push(method.to_owned());
    let old = request.path.strip_prefix("/messages?").and_then(|at| at.split_once('.'));
    let session = match old {
        Some((_, session)) => session.to_owned(),
        None => request.headers.get("mcp-session-id").cloned().unwrap_or_default(),
    };
    let greets = matches!(method, "initialize" | "server/discover");
    if is_answer(asked)
        && let Some(call) = inner.lock().asking.take()
    {
        let _ = call.send(asked.clone());
    }
    if asked["id"].is_null() || is_answer(asked) {
        return noted(inner);
    }
    let said = match forgotten(inner, asked, &session).filter(|_| !greets && !inner.modern) {
        Some(said) => said,
        None => answer(inner, asked),
    };
    match (said, old) {
        (Said::Text(text), Some(_)) if inner.has(H::AnswersAtPost) => {
            Some(response(200, JSON, &text, ""))
        }
        (Said::Text(text), Some((number, _))) => {
            let number: usize = number.parse().unwrap();
            let _ = inner.lock().streams[number].send(text);
            Some(response(202, "text/plain", "Accepted", ""))
        }
        (Said::Text(text), None) => {
            let streams = events::are_used(inner.habit);
            let header = if inner.habit.is_some_and(H::forgets) && method == "initialize" {
                format!("mcp-session-id: {}\r\n", inner.lock().session)
            } else {
                String::new()
            };
            Some(match inner.habit {
                Some(H::SpelledType) if method.ends_with("/list") => response(
                    200,
                    "TEXT/Event-Stream;Charset=\"UTF-8\"",
                    &event(inner, &text),
                    &header,
                ),
                Some(H::SpelledType) => {
                    response(200, "Application/JSON; charset=utf-8", &text, &header)
                }
                Some(H::TypeOfVendor) => {
                    response(200, "application/vnd.mcp+json; version=1", &text, &header)
                }
                Some(H::TypeOfPage) => response(200, "text/html; charset=utf-8", &text, &header),
                Some(H::TypeWithParameters) => {
                    response(200, "APPLICATION/JSON;q=1;profile=\"a;b\" ; ;", &text, &header)
                }
                Some(H::NoType) => response(200, "", &text, &header),
                _ if streams => response(200, "text/event-stream", &event(inner, &text), &header),
                _ => response(200, JSON, &text, &header),
            })
        }
        (Said::Status(status, kind, body, header), _) => {
            Some(response(status, kind, &body, header))
        }
        (Said::Ends, _) => None,
        (Said::Endless, _) => Some(
            "HTTP/1.1 500 said\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\n\r\nno end"
                .to_owned(),
        ),
        (Said::Nothing, _) => {
            tokio::time::sleep(Duration::from_mins(10)).await;
            None
        }
    }
}

/// A request that a server sends before it answers `initialize`.
const PING: &str = r#"{"jsonrpc":"2.0","id":"first","method":"ping"}"#;

/// The document of the API.
const DOCUMENT: &str = r#"{"openapi": "3.0.3", "info": {"title": "odd", "version": "1"},
    "paths": {"/good": {"get": {"operationId": "good", "responses": {}}}}}"#;

/// Answers a call byte by byte, where that is demanded. True if it did.
async fn raw(stream: &mut BufReader<TcpStream>, inner: &Inner, request: &Request) -> bool {
    if inner.has(H::PingsFirst) && request.body["method"] == "initialize" {
        inner.lock().methods.push("initialize".to_owned());
        asks(stream, inner, request, PING).await;
        return true;
    }
    let is_call = request.path == "/good";
    let method = if is_call { "tools/call" } else { method_of(&request.body) };
    let Some(answer) = inner.lock().raw.get(method).cloned() else { return false };
    let id = &request.body["id"];
    if !matches!(answer, RawAnswer::Told(_)) {
        inner.lock().methods.push(method.to_owned());
    }
    match answer {
        // Messages take the way of all messages.
        RawAnswer::Told(_) => return false,
        RawAnswer::Closes(bytes) => {
            let _ = stream.write_all(&RawAnswer::bytes(&bytes, id)).await;
            let _ = stream.flush().await;
        }
        RawAnswer::Stays(bytes) => {
            let _ = stream.write_all(&RawAnswer::bytes(&bytes, id)).await;
            let _ = stream.flush().await;
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
        RawAnswer::Line(text) => {
            let text = text.replace("ID", &id.to_string());
            let at = request.path.strip_prefix("/messages?").and_then(|at| at.split_once('.'));
            let (number, _) = at.unwrap();
            let _ = inner.lock().streams[number.parse::<usize>().unwrap()].send(text);
            let _ = stream.write_all(response(202, "", "", "").as_bytes()).await;
        }
        RawAnswer::Ends | RawAnswer::LineThenEnds(_) => {}
        RawAnswer::Asks(question) => asks(stream, inner, request, &question).await,
    }
    true
}

/// True for an answer to a question of the server.
fn is_answer(message: &Value) -> bool {
    message["method"].is_null() && (message["result"].is_object() || message["error"].is_object())
}

/// The text with which a request is answered whose server asked a question first.
fn after_asking(inner: &Inner, asked: &Value, answer_to_it: &Value) -> String {
    match answer(inner, asked) {
        Said::Text(text) if asked["method"] == "initialize" => text,
        _ => message(&asked["id"], &answered(inner, answer_to_it)).to_string(),
    }
}

/// Asks a question, and answers the call with the answer to it.
async fn asks(stream: &mut BufReader<TcpStream>, inner: &Inner, request: &Request, question: &str) {
    let (call, answer) = tokio::sync::oneshot::channel();
    inner.lock().asking = Some(call);
    let old = request.path.strip_prefix("/messages?").and_then(|at| at.split_once('.'));
    let old: Option<usize> = old.map(|(number, _)| number.parse().unwrap());
    let begin = match old {
        Some(number) => {
            let _ = inner.lock().streams[number].send(question.to_owned());
            response(202, "", "", "")
        }
        None => format!(
            "HTTP/1.1 200 said\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{}",
            event(inner, question)
        ),
    };
    let _ = stream.write_all(begin.as_bytes()).await;
    let _ = stream.flush().await;
    let Ok(answer) = answer.await else { return };
    let text = after_asking(inner, &request.body, &answer);
    if let Some(number) = old {
        let _ = inner.lock().streams[number].send(text);
    } else {
        let _ = stream.write_all(event(inner, &text).as_bytes()).await;
        let _ = stream.flush().await;
    }
}

/// The method of a message.
fn method_of(message: &Value) -> &str {
    message["method"].as_str().unwrap_or_default()
}

async fn connection(stream: TcpStream, inner: Arc<Inner>) {
    let mut stream = BufReader::new(stream);
    let Some(request) = request(&mut stream).await else { return };
    if raw(&mut stream, &inner, &request).await {
        return;
    }
    let is_call = request.body["method"] == "tools/call" && request.path == "/mcp";
    if inner.has(H::RedirectCall) && is_call {
        let text = response(308, "", "", "location: /moved\r\n");
        let _ = stream.write_all(text.as_bytes()).await;
        return;
    }
    if let Some(text) = redirected(&inner, &request.path) {
        let _ = stream.write_all(text.as_bytes()).await;
        return;
    }
    let text = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/openapi") => Some(response(200, JSON, DOCUMENT, "")),
        ("GET", "/good") => Some(response(200, JSON, r#"{"said": "echo"}"#, "")),
        ("GET", "/sse" | "/moved") => return old_stream(&mut stream, &inner).await,
        ("POST", _) => posted(&inner, &request).await,
        _ => Some(response(405, "", "", "")),
    };
    if let Some(text) = text {
        let called = request.body["method"] == "tools/call";
        let _ = stream.write_all(&packed(&inner, called, text)).await;
        let _ = stream.flush().await;
        if inner.has(H::CallEndlessRefusal) {
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
    }
}

/// Serves over HTTP, one request a connection.
pub(super) async fn http(listener: TcpListener, inner: Arc<Inner>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&inner)));
    }
}

async fn process(stream: TcpStream, inner: Arc<Inner>) {
    let mut stream = BufReader::new(stream);
    if inner.has(H::TalksOnOutput)
        && stream.write_all(b"Server started\n\n{\"level\":\"info\"}\n").await.is_err()
    {
        return;
    }
    let mut line = String::new();
    let mut asking: Option<Value> = None;
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let asked: Value = serde_json::from_str(&line).unwrap_or_default();
        line.clear();
        inner.lock().methods.push(method_of(&asked).to_owned());
        if is_answer(&asked)
            && let Some(about) = asking.take()
        {
            let text = after_asking(&inner, &about, &asked);
            let written = stream.write_all(format!("{text}\n").as_bytes()).await;
            if written.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
        if asked["id"].is_null() || is_answer(&asked) {
            continue;
        }
        let pings = inner.has(H::PingsFirst) && asked["method"] == "initialize";
        let raw = inner.lock().raw.get(method_of(&asked)).cloned();
        let raw = if pings { Some(RawAnswer::Asks(PING.to_owned())) } else { raw };
        let said = match raw {
            None | Some(RawAnswer::Told(_)) => answer(&inner, &asked),
            Some(RawAnswer::LineThenEnds(text)) => {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.flush().await;
                return;
            }
            Some(RawAnswer::Line(text)) => Said::Text(text.replace("ID", &asked["id"].to_string())),
            Some(RawAnswer::Asks(question)) => {
                asking = Some(asked.clone());
                Said::Text(question)
            }
            Some(RawAnswer::Stays(_)) => Said::Nothing,
            Some(RawAnswer::Closes(_) | RawAnswer::Ends) => Said::Ends,
        };
        match said {
            Said::Text(text) => {
                let written = stream.write_all(format!("{text}\n").as_bytes()).await;
                if written.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Said::Nothing => {}
            Said::Status(..) | Said::Endless | Said::Ends => return,
        }
    }
}

/// Serves processes that connect their pipes.
pub(super) async fn pipes(listener: TcpListener, inner: Arc<Inner>) {
    let mut processes = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        processes.spawn(process(stream, Arc::clone(&inner)));
    }
}
