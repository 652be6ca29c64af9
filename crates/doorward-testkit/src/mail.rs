//! A mail server that keeps the mails that it receives.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The recipients of the envelope.
    pub to: String,
    /// The head, unchanged.
    pub head: String,
    /// The text, decoded.
    pub text: String,
    /// The name and the password that the sender signed in with; empty without.
    pub signed_in: (String, String),
}

/// A mail server on this machine.
pub struct FakeMailServer {
    /// Its URL, for `mail.url`.
    pub url: String,
    arrived: Arc<Mutex<Vec<Mail>>>,
    port: u16,
}

fn quoted_printable(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, more @ ..] = rest {
        if let (b'=', Some(hex)) = (first, more.get(..2)) {
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap());
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).unwrap()
}

async fn converse(stream: TcpStream, arrived: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 mail.test ESMTP\r\n").await?;
    let (mut to, mut signed_in) = (String::new(), (String::new(), String::new()));
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match line.to_ascii_uppercase() {
            word if word.starts_with("EHLO") => {
                b"250-mail.test\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n"
            }
            // RFC 4616: the authorization identity (no other user), the name, the password.
            word if word.starts_with("AUTH PLAIN ") => {
                let plain = String::from_utf8(STANDARD.decode(&line[11..]).unwrap()).unwrap();
                let mut parts = plain.split('\0').skip(1).map(ToOwned::to_owned);
                signed_in = (parts.next().unwrap(), parts.next().unwrap());
                b"235 welcome\r\n"
            }
            // A recipient with this name has no mailbox here.
            word if word.starts_with("RCPT TO:<REFUSED-") => b"550 no such mailbox\r\n",
            word if word.starts_with("RCPT TO:") => {
                to = line[8..].trim().trim_matches(['<', '>']).to_owned();
                b"250 ok\r\n"
            }
            word if word == "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut whole = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    whole.push_str(line.strip_prefix('.').unwrap_or(&line));
                    whole.push_str("\r\n");
                }
                let (head, body) = whole.split_once("\r\n\r\n").unwrap();
                let text = match head.to_ascii_lowercase() {
                    head if head.contains("transfer-encoding: quoted-printable") => {
                        quoted_printable(body)
                    }
                    head if head.contains("transfer-encoding: base64") => {
                        String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap())
                            .unwrap()
                    }
                    _ => body.to_owned(),
                };
                arrived.lock().unwrap().push(Mail {
                    to: to.clone(),
                    head: head.to_owned(),
                    text,
                    signed_in: signed_in.clone(),
                });
                b"250 kept\r\n"
            }
            word if word == "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(answer).await?;
    }
    Ok(())
}

impl FakeMailServer {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("smtp://127.0.0.1:{port}");
        let arrived: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let kept = Arc::clone(&arrived);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&kept)));
            }
        });
        Self { url, arrived, port }
    }

    /// Its URL for this user, for `mail.url`.
    pub fn url_for(&self, user: &str) -> String {
        format!("smtp://{user}@127.0.0.1:{}", self.port)
    }

    /// All that arrived so far.
    pub fn arrived(&self) -> Vec<Mail> {
        self.arrived.lock().unwrap().clone()
    }

    /// The mail with this number, counted from 0, once it has arrived.
    pub async fn mail(&self, number: usize) -> Mail {
        for _ in 0..200 {
            if let Some(mail) = self.arrived().get(number) {
                return mail.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no mail number {number}: {:?}", self.arrived());
    }
}
