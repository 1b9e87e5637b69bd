//! Which key belongs to which log.

use std::path::Path;

use treering_client::LogKey;
use treering_client::trust::{TrustedLog, TrustedRoot};
use treering_tlog::checkpoint::Origin;
use treering_tlog::note::{KeyKind, VerifierKey};

use super::Failure;

/// What a log's address ends in if it is Rekor v1's API.
pub(crate) const REKOR_V1: &str = "/api/v1";
/// What a Rekor v2 log's tiles are under.
const REKOR_V2: &str = "/api/v2";

/// The address without its API, if it is that of a Rekor v1 log.
pub(crate) fn rekor_v1_base(url: &str) -> Option<&str> {
    url.trim_end_matches('/').strip_suffix(REKOR_V1)
}

/// The n-th key belongs to the n-th log.
pub(crate) fn from_vkeys(logs: &[String], keys: &[String]) -> Result<Vec<LogKey>, Failure> {
    if logs.len() != keys.len() {
        return Err(Failure::usage(format!(
            "expected a --vkey for each --log, found {} logs and {} keys",
            logs.len(),
            keys.len()
        )));
    }
    let keys = keys.iter().map(|key| LogKey::from_vkey_or_file(key));
    keys.collect::<Result<_, _>>()
        .map_err(|error| Failure::Usage(error.into()))
}

/// The logs of a trusted root that are at an address and sign as such a log does.
pub(crate) fn candidates<'a>(root: &'a TrustedRoot, url: &str) -> Vec<&'a TrustedLog> {
    let v1 = rekor_v1_base(url);
    let base = v1.unwrap_or(url).trim_end_matches('/');
    let base = base.strip_suffix(REKOR_V2).unwrap_or(base);
    let at = |log: &&TrustedLog| {
        let known = log.base_url().trim_end_matches('/');
        // A server's tile logs are below its address.
        base == known || (v1.is_none() && base.starts_with(&format!("{known}/")))
    };
    let found: Vec<&TrustedLog> = root.logs().iter().filter(at).collect();
    let ecdsa = |log: &&TrustedLog| {
        let key = log.checkpoint_key();
        key.is_ok_and(|key| key.kind() == KeyKind::Ecdsa)
    };
    let (ecdsa, other): (Vec<_>, Vec<_>) = found.into_iter().partition(ecdsa);
    match (v1, other.is_empty()) {
        (Some(_), _) | (None, true) => ecdsa,
        (None, false) => other,
    }
}

/// The key of a tile log of a trusted root: the one valid last.
pub(crate) fn from_trusted_root(root: &TrustedRoot, url: &str) -> Result<LogKey, Failure> {
    let found = candidates(root, url);
    let Some(log) = found.last() else {
        let known: Vec<&str> = root.logs().iter().map(TrustedLog::base_url).collect();
        return Err(Failure::usage(format!(
            "expected a log at {url} in the trusted root, found {}",
            known.join(", ")
        )));
    };
    let key = log
        .checkpoint_key()
        .map_err(|error| Failure::Usage(error.into()))?;
    log_key(key)
}

fn log_key(key: VerifierKey) -> Result<LogKey, Failure> {
    let origin = Origin::new(key.name().as_str()).map_err(|e| Failure::Usage(e.into()))?;
    Ok(LogKey::new(origin, key))
}

/// Reads a trusted root.
pub(crate) fn read_trusted_root(path: &Path) -> Result<TrustedRoot, Failure> {
    let bytes = super::setup::read_file(path)?;
    TrustedRoot::parse(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_address_is_told_from_a_tile_address() {
        assert_eq!(
            rekor_v1_base("https://r.example/api/v1/"),
            Some("https://r.example")
        );
        assert_eq!(rekor_v1_base("https://r.example/api/v2"), None);
    }
}
