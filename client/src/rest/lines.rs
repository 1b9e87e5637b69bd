//! The lines of a tail.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use treering_api::Reject;
use treering_api::json::TailLineJson;
use treering_api::log::Entry;
use treering_tlog::LeafIndex;

use crate::answer::same;
use crate::error::FetchError;

/// The longest line of a tail, in bytes: a leaf of 64 KiB in base64 and the fields around it.
const MAX_LINE: usize = 128 * 1024;

/// The lines of a tail as they arrive.
pub(super) struct Lines {
    response: Response,
    url: String,
    buffer: BytesMut,
}

impl Lines {
    /// The lines of an answer from this address.
    pub(super) fn new(response: Response, url: String) -> Self {
        Self {
            response,
            url,
            buffer: BytesMut::new(),
        }
    }

    /// The next entry, which must have the expected index; `None` when the server ends the answer.
    pub(super) async fn next_entry(
        &mut self,
        expected: LeafIndex,
    ) -> Option<Result<Entry, Reject>> {
        let line = match self.next_line().await? {
            Ok(line) => line,
            Err(reject) => return Some(Err(reject)),
        };
        let entry = TailLineJson::parse(&line);
        Some(entry.and_then(|entry| same("index", expected, entry.index).map(|()| entry)))
    }

    async fn next_line(&mut self) -> Option<Result<Bytes, Reject>> {
        let mut searched = 0;
        loop {
            let fresh = self.buffer.get(searched..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|&b| b == b'\n') {
                let line = self.buffer.split_to(searched + end + 1);
                return Some(Ok(line.freeze()));
            }
            searched = self.buffer.len();
            if searched > MAX_LINE {
                let limit = MAX_LINE;
                return Some(Err(FetchError::TooLarge {
                    url: self.url.clone(),
                    limit,
                }
                .into()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) if self.buffer.is_empty() => return None,
                Ok(None) => {
                    return Some(Err(self.broken("the answer ends within a line".to_owned())));
                }
                Err(e) => return Some(Err(self.broken(crate::error::chain(&e.without_url())))),
            }
        }
    }

    fn broken(&self, detail: String) -> Reject {
        FetchError::Connection {
            url: self.url.clone(),
            detail,
        }
        .into()
    }
}
