//! Responses that arrive compressed although no compression was asked for: servers and the proxies
//! in front of them do that (RFC 9110 §12.5.3 asks them not to). They are read as what they were
//! before, in pieces as they arrive, so that the reader's limit counts what they expand to and a
//! stream stays one.

use std::{error::Error, io::Write};

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, header};

use super::error::OutboundError;

/// Maximum number of bytes that are expanded at once: one of them becomes some thousand at most.
const PIECE: usize = 512;
/// Maximum number of codings of one response.
const MOST: usize = 2;

/// A coding that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// The error of a stream.
type Broken = Box<dyn Error + Send + Sync>;
/// The bytes of a body.
type Pieces = stream::BoxStream<'static, Result<Bytes, Broken>>;

/// The codings of a response in the order in which they were applied.
fn codings(status: u16, headers: &HeaderMap) -> Result<Vec<Coding>, OutboundError> {
    let mut all = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in String::from_utf8_lossy(value.as_bytes()).split(',') {
            let name = name.trim().to_ascii_lowercase();
            all.push(match name.as_str() {
                "" | "identity" => continue,
                // RFC 9110 §8.4.1.3.
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                _ => {
                    let coding = doorward_model::foreign::line(&name, 40).into_owned();
                    return Err(OutboundError::Coding { status, coding });
                }
            });
        }
    }
    if all.len() > MOST {
        let coding = format!("{} times", all.len());
        return Err(OutboundError::Coding { status, coding });
    }
    Ok(all)
}

/// A response with its body as it was before it was compressed.
pub(super) fn plain(response: reqwest::Response) -> Result<reqwest::Response, OutboundError> {
    let codings = codings(response.status().as_u16(), response.headers())?;
    if codings.is_empty() {
        return Ok(response);
    }
    let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    // They are about the body as it was sent.
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    let sent = http_body_util::BodyDataStream::new(body);
    let mut pieces: Pieces = sent.map(|chunk| chunk.map_err(Broken::from)).boxed();
    for coding in codings.into_iter().rev() {
        pieces = expanded(pieces, coding).boxed();
    }
    Ok(http::Response::from_parts(parts, reqwest::Body::wrap_stream(pieces)).into())
}

/// Expands a body. The state of it is chosen by its first two bytes: some servers name a coding
/// that they, or a proxy behind them, did not apply or have undone.
enum Decoder {
    Undecided(Coding, Vec<u8>),
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
    Deflate(DeflateDecoder<Vec<u8>>),
    /// It is not compressed.
    Plain,
}

impl Decoder {
    fn chosen(coding: Coding, first: &[u8]) -> Self {
        match (coding, first) {
            (Coding::Gzip, [0x1f, 0x8b, ..]) => Self::Gzip(MultiGzDecoder::new(Vec::new())),
            (Coding::Gzip, _) | (Coding::Deflate, []) => Self::Plain,
            // The header of zlib (RFC 1950 §2.2). Some servers send what it wraps without it.
            (Coding::Deflate, [method, flags, ..])
                if method & 0x0f == 8
                    && (u16::from(*method) * 256 + u16::from(*flags)).is_multiple_of(31) =>
            {
                Self::Zlib(ZlibDecoder::new(Vec::new()))
            }
            (Coding::Deflate, _) => Self::Deflate(DeflateDecoder::new(Vec::new())),
        }
    }

    /// Takes a piece, and returns what is known of the body by then.
    fn take(&mut self, piece: &[u8]) -> std::io::Result<Vec<u8>> {
        if let Self::Undecided(coding, first) = self {
            first.extend_from_slice(piece);
            if first.len() < 2 {
                return Ok(Vec::new());
            }
            let first = std::mem::take(first);
            *self = Self::chosen(*coding, &first);
            return self.write(&first);
        }
        self.write(piece)
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<Vec<u8>> {
        fn through<W: Write>(
            decoder: &mut W,
            piece: &[u8],
            into: impl FnOnce(&mut W) -> &mut Vec<u8>,
        ) -> std::io::Result<Vec<u8>> {
            decoder.write_all(piece)?;
            decoder.flush()?;
            Ok(std::mem::take(into(decoder)))
        }
        match self {
            Self::Undecided(..) | Self::Plain => Ok(piece.to_vec()),
            Self::Gzip(decoder) => through(decoder, piece, MultiGzDecoder::get_mut),
            Self::Zlib(decoder) => through(decoder, piece, ZlibDecoder::get_mut),
            Self::Deflate(decoder) => through(decoder, piece, DeflateDecoder::get_mut),
        }
    }

    /// Ends the body. Fails where a part of it is missing, as far as the coding tells: `deflate`
    /// does not always.
    fn end(&mut self) -> std::io::Result<Vec<u8>> {
        if let Self::Undecided(coding, first) = self {
            let first = std::mem::take(first);
            *self = Self::chosen(*coding, &first);
            let mut read = self.write(&first)?;
            read.append(&mut self.end()?);
            return Ok(read);
        }
        match self {
            Self::Undecided(..) | Self::Plain => Ok(Vec::new()),
            Self::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Zlib(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Deflate(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}

/// A body that is being expanded.
struct Expanding {
    sent: Pieces,
    chunk: Bytes,
    decoder: Decoder,
    ended: bool,
}

impl Expanding {
    /// The next bytes. `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        while !self.ended {
            let read = if self.chunk.is_empty() {
                if let Some(chunk) = self.sent.next().await {
                    self.chunk = chunk?;
                    continue;
                }
                self.ended = true;
                self.decoder.end()
            } else {
                let piece = self.chunk.split_to(self.chunk.len().min(PIECE));
                self.decoder.take(&piece)
            };
            let read = read.map_err(|_| Broken::from(OutboundError::Garbled))?;
            if !read.is_empty() {
                return Ok(Some(read.into()));
            }
        }
        Ok(None)
    }
}

fn expanded(sent: Pieces, coding: Coding) -> impl Stream<Item = Result<Bytes, Broken>> {
    let decoder = Decoder::Undecided(coding, Vec::new());
    let begun = Expanding { sent, chunk: Bytes::new(), decoder, ended: false };
    stream::unfold(begun, |mut body| async move {
        let read = body.next().await;
        if read.is_err() {
            body.ended = true;
        }
        Some((read.transpose()?, body))
    })
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }
    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }
    fn raw(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn response(coding: &[&str], body: reqwest::Body) -> Result<reqwest::Response, OutboundError> {
        let mut response = http::Response::new(body);
        for coding in coding {
            response.headers_mut().append(header::CONTENT_ENCODING, coding.parse().unwrap());
        }
        response.headers_mut().insert(header::CONTENT_LENGTH, "7".parse().unwrap());
        plain(response.into())
    }

    async fn read(coding: &[&str], body: Vec<u8>) -> Result<Vec<u8>, OutboundError> {
        let response = response(coding, body.into())?;
        let is_marked = response.headers().contains_key(header::CONTENT_ENCODING);
        let is_coded = coding.iter().any(|name| !matches!(*name, "" | "identity"));
        assert_eq!(is_marked, !is_coded && !coding.is_empty(), "{coding:?}");
        let read = response.bytes().await.map_err(|error| super::super::explain(&error))?;
        Ok(read.to_vec())
    }

    #[tokio::test]
    async fn a_response_is_read_as_what_it_was_before_it_was_compressed() {
        let text: Vec<u8> =
            (0..20_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        let members = [gzip(&text[..5000]), gzip(&text[5000..])].concat();
        for (coding, body) in [
            (&["gzip"][..], gzip(&text)),
            (&["GZip"], gzip(&text)),
            (&["x-gzip"], gzip(&text)),
            (&[" gzip "], gzip(&text)),
            (&["gzip, identity"], gzip(&text)),
            (&["gzip"], members),
            (&["deflate"], zlib(&text)),
            (&["deflate"], raw(&text)),
            (&["deflate, gzip"], gzip(&zlib(&text))),
            (&["gzip", "gzip"], gzip(&gzip(&text))),
            // Named, and not applied.
            (&["gzip"], text.clone()),
            (&["identity"], text.clone()),
            (&[""], text.clone()),
            (&[], text.clone()),
        ] {
            assert!(read(coding, body).await.unwrap() == text, "{coding:?}");
        }
        for (coding, body) in
            [("gzip", &b""[..]), ("deflate", b""), ("gzip", b"x"), ("gzip", b"{}")]
        {
            assert_eq!(read(&[coding], body.to_vec()).await.unwrap(), body, "{coding}");
        }
    }

    #[tokio::test]
    async fn another_coding_and_a_broken_body_are_refused_in_words() {
        for coding in ["br", "zstd", "compress", "aws-chunked", "gzip, br", "gzip, gzip, gzip"] {
            let refused = read(&[coding], b"x".to_vec()).await.unwrap_err();
            assert!(matches!(&refused, OutboundError::Coding { status: 200, .. }), "{coding}");
            assert!(refused.to_string().contains("compressed"), "{refused}");
        }
        let mut wrong_sum = gzip(b"hello");
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        let mut cut = gzip(&[7; 5000]);
        cut.truncate(20);
        for (coding, body) in [
            ("gzip", wrong_sum),
            ("gzip", cut),
            ("gzip", [gzip(b"a"), b"garbage".to_vec()].concat()),
            ("deflate", b"\xff\xff\xff".to_vec()),
        ] {
            assert_eq!(read(&[coding], body).await, Err(OutboundError::Garbled), "{coding}");
        }
    }

    #[tokio::test]
    async fn a_body_expands_in_small_pieces_and_no_further_than_it_is_read() {
        let bomb = gzip(&gzip(&vec![0; 1024 * 1024]).repeat(64));
        assert!(bomb.len() < 4096, "{}", bomb.len());
        let mut body = response(&["gzip, gzip"], bomb.into()).unwrap().bytes_stream();
        let (mut read, mut largest) = (0, 0);
        while read < 1024 * 1024 {
            let piece = body.next().await.unwrap().unwrap();
            largest = largest.max(piece.len());
            read += piece.len();
        }
        assert!(largest <= 2 * 1024 * 1024, "{largest}");
    }

    #[tokio::test]
    async fn events_arrive_as_they_are_sent() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let (server, client) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
        let pieces = stream::unfold(client, |mut client| async move {
            client.recv().await.map(|piece| (Ok::<_, std::io::Error>(piece), client))
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let mut events = response(&["gzip"], body).unwrap().bytes_stream();
        for number in 0..3 {
            let event = format!("data: {number}\n\n");
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            server.try_send(std::mem::take(encoder.get_mut())).unwrap();
            let arrived = tokio::time::timeout(std::time::Duration::from_secs(5), events.next());
            assert_eq!(arrived.await.unwrap().unwrap().unwrap(), event);
        }
    }
}
