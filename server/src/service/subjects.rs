//! Finding entries by the digest of a subject when the algorithm is not said.

use treering_storage::Term;

/// Algorithms of in-toto's digest sets and of witness, as Rekor v1's index spells them. Values of others have terms of their own.
const ALGORITHMS: [&str; 24] = [
    "sha256",
    "sha1",
    "sha512",
    "sha384",
    "sha224",
    "sha512_224",
    "sha512_256",
    "sha3_224",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "md5",
    "blake2b",
    "blake2s",
    "blake3",
    "ripemd160",
    "sm3",
    "gost",
    "dirhash",
    "dirhash1",
    "gitcommit",
    "gittree",
    "gitoid:sha1",
    "gitoid:sha256",
];
/// An algorithm's name may have colons; those of a value behind it are not told apart from them. So many are looked at.
const MAX_COLONS: usize = 4;

/// The terms under which an entry may be found that has a subject with this value as a digest, whatever the algorithm.
pub(crate) fn subject_terms(value: &str) -> impl Iterator<Item = Term> {
    let value = value.to_lowercase();
    let other = Term::new(Term::SUBJECT_DIGEST, &value);
    ALGORITHMS
        .into_iter()
        .map(move |algorithm| {
            let key = format!("{algorithm}:{value}");
            Term::new(Term::REKOR_V1_INDEX_KEY, &key)
        })
        .chain([other])
}

/// The terms of their own that an index key needs because its algorithm is not one of the usual.
pub(super) fn unusual(key: &str) -> impl Iterator<Item = Term> {
    let usual = ALGORITHMS.iter().any(|algorithm| {
        key.strip_prefix(algorithm)
            .is_some_and(|rest| rest.starts_with(':'))
    });
    let colons = key
        .match_indices(':')
        .take(if usual { 0 } else { MAX_COLONS });
    colons.filter_map(|(at, _)| {
        let value = key.get(at + 1..)?;
        Some(Term::new(Term::SUBJECT_DIGEST, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_value() {
        for (key, value) in [
            ("sha256:ab", "ab"),
            (
                "gitoid:sha256:gitoid:blob:sha256:ab",
                "gitoid:blob:sha256:ab",
            ),
            ("swhid:swh:1:cnt:ab", "swh:1:cnt:ab"),
            ("a:b:c:1", "1"),
            ("unheard-of:ab", "AB"),
        ] {
            let stored = [Term::new(Term::REKOR_V1_INDEX_KEY, key)];
            let stored: Vec<_> = stored.into_iter().chain(unusual(key)).collect();
            assert!(
                subject_terms(value).any(|term| stored.contains(&term)),
                "{key}"
            );
        }
        assert_eq!(unusual("sha256:ab").count(), 0, "the usual cost nothing");
        assert_eq!(unusual("somebody@example.com").count(), 0);
    }
}
