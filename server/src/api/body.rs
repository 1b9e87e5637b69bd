//! Reading request bodies: bounded before a byte of them is read, and at a cost in memory that is known.
//!
//! With a `Content-Length` the body goes into one allocation of exactly that size. Without one (chunked) it is counted
//! while it arrives; what grows beyond 256 KiB goes through a nameless file in the spool and is read back in one
//! piece, so that no buffer is ever doubled to hold it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use treering_api::reject::{Reject, RejectKind};

/// What of a body without a length is kept in memory, in bytes. As much as the store keeps inline.
const IN_MEMORY_MAX: usize = treering_storage::envelopes::INLINE_MAX;

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
    budget: Arc<AtomicUsize>,
    most: usize,
}

/// A body, and its part of the budget until it is dropped.
pub struct ReadBody {
    bytes: Bytes,
    _held: Held,
}

impl ReadBody {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

/// Bytes of the budget; given back when dropped.
struct Held {
    budget: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

impl BodyReader {
    /// A reader that holds at most `most` bytes in memory for all requests together, and puts large bodies of unknown
    /// length into files in `spool`.
    #[must_use]
    pub fn new(spool: PathBuf, most: usize) -> Self {
        Self {
            spool,
            budget: Arc::new(AtomicUsize::new(most)),
            most,
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// `TooLarge` beyond the limit, `Busy` when too much is being read, `Malformed` for a body that ends early.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: Limit,
    ) -> Result<ReadBody, Reject> {
        let held = Held {
            budget: Arc::clone(&self.budget),
            bytes: 0,
        };
        match content_length(headers)? {
            Some(len) if len > limit.bytes as u64 => Err(limit.exceeded(len)),
            Some(len) => {
                self.read_exactly(
                    body,
                    usize::try_from(len).map_err(|_| limit.exceeded(len))?,
                    held,
                )
                .await
            }
            None => self.read_counted(body, limit, held).await,
        }
    }

    fn take(&self, held: &mut Held, bytes: usize) -> Result<(), Reject> {
        let taken = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.map_err(|_| {
            Reject::mismatch(
                RejectKind::Busy,
                format!(
                    "at most {} bytes of bodies at once (limits.max_bytes_in_flight)",
                    self.most
                ),
                "more; ask again in a moment",
            )
        })?;
        held.bytes += bytes;
        Ok(())
    }

    async fn read_exactly(
        &self,
        mut body: Body,
        len: usize,
        mut held: Held,
    ) -> Result<ReadBody, Reject> {
        self.take(&mut held, len)?;
        // The pages are touched, and so taken from the system, only as bytes arrive.
        let mut bytes = BytesMut::with_capacity(len);
        while let Some(data) = next(&mut body).await? {
            if data.len() > len - bytes.len() {
                return Err(Reject::malformed(
                    format!("a body of {len} bytes as its length says"),
                    "more",
                ));
            }
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
            _held: held,
        })
    }

    async fn read_counted(
        &self,
        mut body: Body,
        limit: Limit,
        mut held: Held,
    ) -> Result<ReadBody, Reject> {
        let mut start = BytesMut::new();
        while let Some(data) = next(&mut body).await? {
            if data.len() > limit.bytes.saturating_sub(start.len()) {
                return Err(limit.exceeded("more"));
            }
            self.take(&mut held, data.len())?;
            start.extend_from_slice(&data);
            if start.len() > IN_MEMORY_MAX {
                let start = start.freeze();
                return self.read_spooled(start, body, limit, held).await;
            }
        }
        Ok(ReadBody {
            bytes: start.freeze(),
            _held: held,
        })
    }

    async fn read_spooled(
        &self,
        start: Bytes,
        mut body: Body,
        limit: Limit,
        mut held: Held,
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
        while let Some(data) = next(&mut body).await? {
            if data.len() > limit.bytes - len {
                return Err(limit.exceeded("more"));
            }
            self.take(&mut held, data.len())?;
            len += data.len();
            file.write_all(&data)
                .await
                .map_err(|error| unspooled(&error))?;
        }
        let bytes = read_back(file, len)
            .await
            .map_err(|error| unspooled(&error))?;
        Ok(ReadBody { bytes, _held: held })
    }
}

/// The next bytes of a body; trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Reject> {
    loop {
        let frame = match body.frame().await {
            None => return Ok(None),
            Some(frame) => frame.map_err(|error| {
                Reject::malformed("a whole body", format!("one that broke off: {error}"))
            })?,
        };
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
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
