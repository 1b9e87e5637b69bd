//! Reading request bodies: bounded before a byte of them is read, and at a cost in memory that is known.
//!
//! A body counts against the budget as it arrives, not by what its head promises, and must keep arriving.
//!
//! With a `Content-Length` the body goes into one allocation of exactly that size. Without one (chunked) it is counted
//! while it arrives; what grows beyond 256 KiB goes through a nameless file in the spool and is read back in one
//! piece, so that no buffer is ever doubled to hold it.

use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use treering_api::reject::{Reject, RejectKind};

use super::budget::{Budget, Held, Pace};

/// What of a body without a length is kept in memory, in bytes. As much as the store keeps inline.
const IN_MEMORY_MAX: usize = treering_storage::envelopes::INLINE_MAX;

/// What is taken in of a refused body, in bytes.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// A bound, and the setting that an operator would change.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The bound.
    pub bytes: usize,
    /// The setting.
    pub name: &'static str,
}

impl Limit {
    fn exceeded(self, found: impl std::fmt::Display) -> Reject {
        Reject::mismatch(
            RejectKind::TooLarge,
            format!("at most {} bytes ({})", self.bytes, self.name),
            format!("{found} bytes"),
        )
    }
}

/// Reads bodies, so many bytes at once.
pub struct BodyReader {
    spool: PathBuf,
    budget: Arc<Budget>,
    timeout: Duration,
}

/// A body, and its part of the budget until it is dropped.
pub struct ReadBody {
    bytes: Bytes,
    held: Held,
}

impl ReadBody {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The bytes, and what to hold for as long as they are there.
    #[must_use]
    pub fn into_parts(self) -> (Bytes, Held) {
        (self.bytes, self.held)
    }
}

/// A body on its way in.
struct Incoming {
    body: Body,
    pace: Pace,
    held: Held,
}

impl Incoming {
    /// The next bytes of the body; trailers are passed over.
    async fn next(&mut self) -> Result<Option<Bytes>, Reject> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Reject>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Ready(Err(ready!(self.pace.poll_late(context)))),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(frame)) => frame,
            };
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(data)) => {
                    self.pace.came(data.len());
                    return Poll::Ready(Ok(Some(data)));
                }
                Ok(Err(_trailers)) => {}
                Err(error) => {
                    let found = format!("one that broke off: {error}");
                    return Poll::Ready(Err(Reject::malformed("a whole body", found)));
                }
            }
        }
    }
}

impl BodyReader {
    /// A reader that holds at most `most` bytes in memory for all requests together, waits for more of a body for at
    /// most `timeout`, and puts large bodies of unknown length into files in `spool`.
    #[must_use]
    pub fn new(spool: PathBuf, most: usize, timeout: Duration) -> Self {
        Self {
            spool,
            budget: Budget::new(most),
            timeout,
        }
    }

    /// What all bodies may take.
    #[must_use]
    pub const fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// How long it waits for more of a body.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Reads a body.
    ///
    /// # Errors
    /// `TooLarge` beyond the limit, `Busy` when too much is being read, `Malformed` for a body that ends early or
    /// comes too slowly.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: Limit,
    ) -> Result<ReadBody, Reject> {
        let incoming = Incoming {
            body,
            pace: Pace::new(self.timeout),
            held: self.budget.hold(),
        };
        match content_length(headers)? {
            Some(len) if len > limit.bytes as u64 => {
                self.linger(incoming);
                Err(limit.exceeded(len))
            }
            Some(len) => {
                let len = usize::try_from(len).map_err(|_| limit.exceeded(len))?;
                read_exactly(incoming, len).await
            }
            None => self.read_counted(incoming, limit).await,
        }
    }

    /// Takes in what still comes of a refused body, and forgets it: many clients send all of it before they look at the
    /// answer, and a closed connection would tell them nothing. Ends with the body, the bytes or the time.
    fn linger(&self, mut incoming: Incoming) {
        let deadline = tokio::time::Instant::now() + self.timeout;
        tokio::spawn(async move {
            let mut left = LINGER_BYTES;
            let take_in = async {
                while let Ok(Some(data)) = incoming.next().await {
                    left = left.saturating_sub(data.len());
                    if left == 0 {
                        return;
                    }
                }
            };
            // Late or not, the answer is out.
            let _ = tokio::time::timeout_at(deadline, take_in).await;
        });
    }

    async fn read_counted(&self, mut incoming: Incoming, limit: Limit) -> Result<ReadBody, Reject> {
        let mut start = BytesMut::new();
        while let Some(data) = incoming.next().await? {
            if data.len() > limit.bytes.saturating_sub(start.len()) {
                self.linger(incoming);
                return Err(limit.exceeded("more"));
            }
            incoming.held.take(data.len())?;
            start.extend_from_slice(&data);
            if start.len() > IN_MEMORY_MAX {
                let start = start.freeze();
                return self.read_spooled(start, incoming, limit).await;
            }
        }
        Ok(ReadBody {
            bytes: start.freeze(),
            held: incoming.held,
        })
    }

    async fn read_spooled(
        &self,
        start: Bytes,
        mut incoming: Incoming,
        limit: Limit,
    ) -> Result<ReadBody, Reject> {
        let spool = self.spool.clone();
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(spool)).await;
        let made = made
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| unspooled(&error))?;
        let mut file = File::from_std(made);
        let mut len = start.len();
        file.write_all(&start)
            .await
            .map_err(|error| unspooled(&error))?;
        drop(start);
        while let Some(data) = incoming.next().await? {
            if data.len() > limit.bytes - len {
                self.linger(incoming);
                return Err(limit.exceeded("more"));
            }
            incoming.held.take(data.len())?;
            len += data.len();
            file.write_all(&data)
                .await
                .map_err(|error| unspooled(&error))?;
        }
        let bytes = read_back(file, len)
            .await
            .map_err(|error| unspooled(&error))?;
        Ok(ReadBody {
            bytes,
            held: incoming.held,
        })
    }
}

async fn read_exactly(mut incoming: Incoming, len: usize) -> Result<ReadBody, Reject> {
    // The pages are touched, and so taken from the system, only as bytes arrive.
    let mut bytes = BytesMut::with_capacity(len);
    while let Some(data) = incoming.next().await? {
        if data.len() > len - bytes.len() {
            return Err(Reject::malformed(
                format!("a body of {len} bytes as its length says"),
                "more",
            ));
        }
        incoming.held.take(data.len())?;
        bytes.extend_from_slice(&data);
    }
    if bytes.len() < len {
        return Err(Reject::malformed(
            format!("a body of {len} bytes as its length says"),
            format!("{} bytes", bytes.len()),
        ));
    }
    Ok(ReadBody {
        bytes: bytes.freeze(),
        held: incoming.held,
    })
}

async fn read_back(mut file: File, len: usize) -> io::Result<Bytes> {
    file.flush().await?;
    file.rewind().await?;
    let mut bytes = BytesMut::with_capacity(len);
    while bytes.len() < len {
        if file.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes.freeze())
}

fn unspooled(error: &io::Error) -> Reject {
    tracing::error!(%error, "body not spooled");
    Reject::new(
        RejectKind::Unavailable,
        "the body could not be put on disk; ask again",
    )
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Reject> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| Reject::malformed("a Content-Length of digits", format!("{value:?}")))
}
