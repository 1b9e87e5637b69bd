//! Trouble on the way, by a seed: what networks, caches and proxies do to an honest log.

use super::Reply;

/// How often, and which next.
#[derive(Clone, Debug)]
pub struct Faults {
    state: u64,
    /// Of a hundred requests so many go wrong.
    pub percent: u64,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Connection,
    Timeout,
    Status(u16),
    Page,
    Empty,
    Cut,
    /// A checkpoint of some requests ago.
    Stale,
}

impl Faults {
    /// One run of faults.
    #[must_use]
    pub const fn new(seed: u64, percent: u64) -> Self {
        Self {
            state: seed.wrapping_add(0x9e37_79b9_7f4a_7c15),
            percent,
        }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn draw(&mut self) -> Option<Fault> {
        if self.next() % 100 >= self.percent {
            return None;
        }
        Some(match self.next() % 10 {
            0 => Fault::Connection,
            1 => Fault::Timeout,
            2 => Fault::Status(503),
            3 => Fault::Status(429),
            4 => Fault::Status(404),
            5 => Fault::Page,
            6 => Fault::Empty,
            7 => Fault::Cut,
            _ => Fault::Stale,
        })
    }

    pub(super) fn spoil(&mut self, fault: Fault, mut reply: Reply) -> Reply {
        match fault {
            Fault::Status(status) => Reply {
                status,
                body: Vec::new(),
                ..reply
            },
            Fault::Page => Reply {
                status: 200,
                media_type: "text/html",
                body: b"<html>please log in</html>".to_vec(),
                ..reply
            },
            Fault::Empty => Reply {
                body: Vec::new(),
                ..reply
            },
            Fault::Cut => {
                let length = u64::try_from(reply.body.len()).unwrap_or(1).max(1);
                let cut = usize::try_from(self.next() % length).unwrap_or_default();
                reply.body.truncate(cut);
                reply
            }
            Fault::Connection | Fault::Timeout | Fault::Stale => reply,
        }
    }
}
