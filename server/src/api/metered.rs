//! Bodies of gRPC calls before tonic gathers them: they count against the same budget as the other door's, byte by byte
//! as they come, and must keep coming.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;
use tonic::Status;
use treering_api::reject::Reject;

use super::Api;
use super::budget::{Held, Pace};
use super::errors::note;
use crate::metrics::Metrics;

/// A request's body. Of a call with one request it counts until tonic has read the call; of a stream each message
/// counts until it is whole, when admission takes over.
pub struct Metered {
    inner: Body,
    held: Held,
    pace: Pace,
    /// `None`: one request.
    messages: Option<Messages>,
    metrics: Arc<Metrics>,
}

impl Metered {
    /// The body of a request to that path.
    #[must_use]
    pub fn new(api: &Api, path: &str, inner: Body) -> Self {
        let is_stream = path.ends_with("/SubmitStream") || path.ends_with("/ServerReflectionInfo");
        Self {
            inner,
            held: api.bodies.budget().hold(),
            pace: Pace::new(api.bodies.timeout()),
            messages: is_stream.then(Messages::default),
            metrics: Arc::clone(api.app.metrics()),
        }
    }

    fn count(&mut self, data: &[u8]) -> Result<(), Reject> {
        self.held.take(data.len())?;
        self.pace.came(data.len());
        if let Some(begun) = self
            .messages
            .as_mut()
            .and_then(|messages| messages.pass(data))
        {
            self.held.keep(begun);
            self.pace.restart();
        }
        Ok(())
    }

    /// Ends the body; the status arrives at the client as any other refusal does.
    fn refuse(&mut self, reject: Reject) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = Body::empty();
        note(&self.metrics, &reject);
        Poll::Ready(Some(Err(Status::from(reject))))
    }
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => frame,
            // The connection broke off or the call was cancelled; h2's reason is found in the chain of causes.
            Poll::Ready(Some(Err(error))) => {
                return Poll::Ready(Some(Err(Status::from_error(Box::new(error)))));
            }
            // Between its messages a stream may be silent.
            Poll::Pending if self.messages.as_ref().is_some_and(Messages::is_between) => {
                return Poll::Pending;
            }
            Poll::Pending => {
                let reject = ready!(self.pace.poll_late(context));
                return self.refuse(reject);
            }
        };
        match frame.data_ref().map_or(Ok(()), |data| self.count(data)) {
            Ok(()) => Poll::Ready(Some(Ok(frame))),
            Err(reject) => self.refuse(reject),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.inner.size_hint()
    }
}

/// Where the messages of a stream end: each is a byte of flags, four bytes of length, and as many bytes.
#[derive(Debug)]
struct Messages {
    head_left: u8,
    body_left: u32,
}

const HEAD: u8 = 5;

impl Default for Messages {
    fn default() -> Self {
        Self {
            head_left: HEAD,
            body_left: 0,
        }
    }
}

impl Messages {
    const fn is_between(&self) -> bool {
        self.head_left == HEAD
    }

    /// Passes over more of the stream. If a message ended in it, the number of bytes behind the last one that did.
    fn pass(&mut self, data: &[u8]) -> Option<usize> {
        let (mut rest, mut behind) = (data, None);
        while let Some((byte, after)) = rest.split_first() {
            if self.head_left > 0 {
                // The first byte is the flags.
                if self.head_left < HEAD {
                    self.body_left = (self.body_left << 8) | u32::from(*byte);
                }
                self.head_left -= 1;
                rest = after;
            } else {
                let passed = rest.len().min(self.body_left as usize);
                self.body_left -= u32::try_from(passed).expect("at most what is left");
                rest = rest.get(passed..).unwrap_or_default();
            }
            if self.head_left == 0 && self.body_left == 0 {
                *self = Self::default();
                behind = Some(rest.len());
            }
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;

    #[test]
    fn messages_end_where_their_length_says_however_they_are_cut() {
        let mut stream = Vec::new();
        for len in [0_u32, 1, 300, 70_000] {
            stream.push(1);
            stream.extend(len.to_be_bytes());
            stream.resize(stream.len() + len as usize, 0xff);
        }
        let ends = [5, 11, 316, 70_321];
        for cut in [1, 2, 7, 512, 70_000, stream.len()] {
            let mut messages = Messages::default();
            let mut at = 0;
            for piece in stream.chunks(cut) {
                let from = at;
                at += piece.len();
                let last = ends
                    .iter()
                    .filter(|end| (from + 1..=at).contains(end))
                    .max();
                assert_eq!(
                    messages.pass(piece),
                    last.map(|end| at - end),
                    "{cut} at {at}"
                );
                assert_eq!(messages.is_between(), ends.contains(&at), "{cut} at {at}");
            }
        }
    }
}
