//! File descriptors: as many as the system allows, and enough of them left for the store.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections leave to tables, logs, envelopes, spooled bodies and the admin address.
const RESERVE: u64 = 1024;

/// Raises this process's soft limit to the hard one.
///
/// # Errors
/// The system's.
pub fn raise() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, wanted)?)
}

/// As many of the wanted connections as there are descriptors for. Under a limit that small that the reserve would take
/// more than half, half are for connections.
#[must_use]
pub fn connections(wanted: usize) -> usize {
    getrlimit(Resource::Nofile)
        .current
        .map_or(wanted, |limit| wanted.min(left(limit)))
}

fn left(limit: u64) -> usize {
    let left = limit - RESERVE.min(limit / 2);
    usize::try_from(left).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn the_store_keeps_its_part() {
        for (limit, expected) in [
            (20_000, 18_976),
            (2_048, 1_024),
            (1_024, 512),
            (1, 1),
            (0, 1),
        ] {
            assert_eq!(left(limit), expected, "{limit}");
        }
    }
}
