//! What happens to a log as a whole.

use bytes::Bytes;
use treering_tlog::TreeSize;

use super::codec::{Reader, Writer};
use crate::{LogId, StoreError};

/// Four bytes at the start of an encoded event: `TRE` and the version.
const MAGIC: &[u8; 4] = b"TRE\x01";
const LOG_ADDED: u8 = 1;
const LOG_FROZEN: u8 = 2;
/// As `LOG_FROZEN`, with a mark. A kind of its own, so that a version which knows no marks refuses the log instead of
/// signing its end without one.
const LOG_FROZEN_MARKED: u8 = 3;

/// Something that makes no leaf. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A log exists from now on.
    LogAdded {
        /// Its number, given once.
        id: LogId,
        /// Its name: unique, part of URLs and file names.
        name: String,
        /// What makes its leaves: `rekor-v1`, `rekor-v2`.
        dialect: String,
        /// The origin line of its checkpoints.
        origin: String,
        /// When.
        created: u64,
    },
    /// A log takes no more entries, for ever.
    LogFrozen {
        /// Which.
        id: LogId,
        /// Its last size.
        size: TreeSize,
        /// The name of the log that goes on for it.
        successor: Option<String>,
        /// The extension line of its final checkpoint, if it has one: as it is signed at every start from then on.
        mark: Option<String>,
        /// When.
        at: u64,
    },
}

impl Event {
    /// The bytes of the event.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::new(MAGIC);
        match self {
            Self::LogAdded {
                id,
                name,
                dialect,
                origin,
                created,
            } => {
                out.u8(LOG_ADDED);
                out.u32(id.0);
                for text in [name, dialect, origin] {
                    out.bytes(text.as_bytes());
                }
                out.u64(*created);
            }
            Self::LogFrozen {
                id,
                size,
                successor,
                mark,
                at,
            } => {
                out.u8(match mark {
                    None => LOG_FROZEN,
                    Some(_) => LOG_FROZEN_MARKED,
                });
                out.u32(id.0);
                out.u64(size.get());
                out.u8(u8::from(successor.is_some()));
                if let Some(name) = successor {
                    out.bytes(name.as_bytes());
                }
                out.u64(*at);
                if let Some(mark) = mark {
                    out.bytes(mark.as_bytes());
                }
            }
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote, all of it.
    ///
    /// # Errors
    /// `Corrupt`, naming what is wrong.
    pub fn decode(bytes: &Bytes) -> Result<Self, StoreError> {
        let mut input = Reader::new("event", bytes, MAGIC)?;
        let event = match input.u8()? {
            LOG_ADDED => Self::LogAdded {
                id: LogId(input.u32()?),
                name: text(&mut input)?,
                dialect: text(&mut input)?,
                origin: text(&mut input)?,
                created: input.u64()?,
            },
            kind @ (LOG_FROZEN | LOG_FROZEN_MARKED) => {
                frozen(&mut input, kind == LOG_FROZEN_MARKED)?
            }
            kind => return Err(input.corrupt("event 1, 2 or 3", kind)),
        };
        input.end()?;
        Ok(event)
    }
}

fn frozen(input: &mut Reader, marked: bool) -> Result<Event, StoreError> {
    let (id, size) = (LogId(input.u32()?), size(input)?);
    let (successor, at) = (successor(input)?, input.u64()?);
    Ok(Event::LogFrozen {
        id,
        size,
        successor,
        mark: marked.then(|| text(input)).transpose()?,
        at,
    })
}

fn text(input: &mut Reader) -> Result<String, StoreError> {
    let bytes = input.bytes()?;
    String::from_utf8(bytes.to_vec()).map_err(|error| input.corrupt("UTF-8", error))
}

fn size(input: &mut Reader) -> Result<TreeSize, StoreError> {
    let size = input.u64()?;
    TreeSize::new(size).ok_or_else(|| input.corrupt("a size below 2^63", size))
}

fn successor(input: &mut Reader) -> Result<Option<String>, StoreError> {
    match input.u8()? {
        0 => Ok(None),
        1 => text(input).map(Some),
        flag => Err(input.corrupt("flag 0 or 1 of a successor", flag)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What versions before marks wrote of a frozen log: it stays readable, unmarked, and is what is written today.
    #[test]
    fn an_event_of_before_marks_is_unmarked() {
        let mut out = Writer::new(MAGIC);
        out.u8(LOG_FROZEN);
        out.u32(7);
        out.u64(300);
        out.u8(1);
        out.bytes(b"next");
        out.u64(1_800_000_000);
        let bytes = out.finish();
        let event = Event::decode(&bytes).unwrap();
        let expected = Event::LogFrozen {
            id: LogId(7),
            size: TreeSize::new(300).unwrap(),
            successor: Some("next".to_owned()),
            mark: None,
            at: 1_800_000_000,
        };
        assert_eq!((&event, event.encode()), (&expected, bytes));
    }
}
