//! The limit of open files: each connection is one.

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's soft limit to what the connections and threads of a run need, if it is lower.
///
/// # Errors
/// The hard limit is too low.
pub(crate) fn allow(connections: u32, threads: u32) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::from(connections) + u64::from(threads) * FILES_OF_A_THREAD + FILES_BESIDE;
    let Some(current) = raised(limit.current, limit.maximum, needed).with_context(|| {
        format!("cannot open {connections} connections (`ulimit -Hn` shows the limit)")
    })?
    else {
        return Ok(());
    };
    let wanted = Rlimit {
        current: Some(current),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, wanted).context("cannot raise the limit of open files")
}

/// The soft limit to set; nothing if the present one will do. In a limit `None` means that there is none.
fn raised(current: Option<u64>, maximum: Option<u64>, needed: u64) -> anyhow::Result<Option<u64>> {
    if current.is_none_or(|current| current >= needed) {
        return Ok(None);
    }
    let allowed = maximum.unwrap_or(u64::MAX);
    ensure!(
        allowed >= needed,
        "expected a hard limit of at least {needed} open files, found {allowed}"
    );
    Ok(Some(needed))
}

/// The epoll instance, the event and the socket pair of a runtime, doubled.
const FILES_OF_A_THREAD: u64 = 8;

/// Standard streams, what `/proc` is read through, a resolver's sockets: rounded up.
const FILES_BESIDE: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_raised_where_it_is_too_low_and_can_be() {
        for (current, maximum, expected) in [
            (Some(1024), Some(20_000), Some(4000)),
            (Some(1024), Some(4000), Some(4000)),
            (Some(1024), None, Some(4000)),
            (Some(4000), Some(4000), None),
            (None, None, None),
        ] {
            assert_eq!(
                raised(current, maximum, 4000).unwrap(),
                expected,
                "{current:?} {maximum:?}"
            );
        }
        let error = raised(Some(1024), Some(3999), 4000)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "expected a hard limit of at least 4000 open files, found 3999"
        );
    }
}
