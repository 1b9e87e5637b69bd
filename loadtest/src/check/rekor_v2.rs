//! The answer of Rekor v2's API to a new entry: a `TransparencyLogEntry` in protojson.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use treering_rekor::v2::{API_VERSION, KIND};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::Checker;

impl Checker<'_> {
    /// Verifies the answer to the request that was made of an envelope.
    pub(super) fn rekor_v2_entry(&mut self, number: u64, body: &[u8]) -> anyhow::Result<()> {
        let (_, leaf) = self.expected(number)?;
        let entry: EntryJson = serde_json::from_slice(body).context("not an entry")?;
        let (kind, version) = (&entry.kind_version.kind, &entry.kind_version.version);
        ensure!(
            kind == KIND && version == API_VERSION,
            "expected kind {KIND} and version {API_VERSION}, found {kind} and {version}"
        );
        let (id, expected) = (entry.log_id.key_id, STANDARD.encode(self.proofs.key().id()));
        ensure!(id == expected, "expected log id {expected}, found {id}");
        let found = STANDARD
            .decode(&entry.canonicalized_body)
            .context("canonicalizedBody")?;
        let found = Hash::leaf(&found);
        ensure!(found == leaf, "expected leaf hash {leaf}, found {found}");
        let proof = entry.inclusion_proof;
        ensure!(
            entry.log_index == proof.log_index,
            "expected a proof of index {}, found one of {}",
            entry.log_index,
            proof.log_index
        );
        let inclusion = proof.inclusion()?;
        self.proofs
            .included(leaf, &inclusion, &proof.checkpoint.envelope)?;
        let signed = self
            .proofs
            .open(&proof.checkpoint.envelope)?
            .root
            .to_base64();
        ensure!(
            proof.root_hash == signed,
            "expected root hash {signed}, found {}",
            proof.root_hash
        );
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryJson {
    #[serde(deserialize_with = "int64")]
    log_index: u64,
    log_id: LogIdJson,
    kind_version: KindVersionJson,
    inclusion_proof: ProofJson,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIdJson {
    key_id: String,
}

#[derive(Deserialize)]
struct KindVersionJson {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofJson {
    #[serde(deserialize_with = "int64")]
    log_index: u64,
    root_hash: String,
    #[serde(deserialize_with = "int64")]
    tree_size: u64,
    hashes: Vec<String>,
    checkpoint: CheckpointJson,
}

#[derive(Deserialize)]
struct CheckpointJson {
    envelope: String,
}

impl ProofJson {
    fn inclusion(&self) -> anyhow::Result<InclusionProof> {
        let hashes = self.hashes.iter().map(|hash| Hash::from_base64(hash));
        Ok(InclusionProof {
            index: LeafIndex::new(self.log_index).context("logIndex")?,
            size: TreeSize::new(self.tree_size).context("treeSize")?,
            hashes: hashes.collect::<Result<_, _>>().context("hashes")?,
        })
    }
}

/// protojson writes 64-bit numbers as strings.
fn int64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!("expected a number in a string, found {text:?}"))
    })
}

#[cfg(test)]
mod tests {
    use crate::check::{Answer, Checker, LogKey, Sample, Verdict};
    use crate::corpus::{Corpus, CorpusSpec};

    const ANSWER: &str = include_str!("../../tests/vectors/rekor-tiles/answer.json");
    const VKEY: &str = include_str!("../../tests/vectors/rekor-tiles/log.vkey");

    fn check(first: u64, answer: &str) -> Verdict {
        let spec = CorpusSpec {
            seed: 1,
            bytes: 512,
            keys: 16,
            count: 7,
        };
        let corpus = Corpus::generate(spec, 1, &|_| ()).unwrap();
        let key = LogKey::parse(VKEY.trim_end()).unwrap();
        let answer = Answer::RekorV2(answer.to_owned().into());
        Checker::rekor_v2(&key, &corpus).check(vec![Sample { first, answer }])
    }

    #[test]
    fn the_answer_of_a_real_server_is_right_for_its_request_only() {
        let right = check(3, ANSWER);
        assert_eq!((right.verified, right.wrong), (1, 0), "{right:?}");
        let other = check(4, ANSWER);
        assert_eq!((other.verified, other.wrong), (0, 1));
        assert!(
            other.messages[0].contains("expected leaf hash"),
            "{other:?}"
        );
    }

    #[test]
    fn an_altered_answer_is_wrong_and_says_where() {
        for (part, altered, message) in [
            (
                r#""kind":"hashedrekord""#,
                r#""kind":"dsse""#,
                "expected kind",
            ),
            ("nIYl+GIO", "AIYl+GIO", "expected log id"),
            (
                r#""logIndex":"3", "logId""#,
                r#""logIndex":"2", "logId""#,
                "expected a proof of index 2",
            ),
            (
                r#""logIndex":"3", "rootHash""#,
                r#""logIndex":"2", "rootHash""#,
                "expected a proof of index 3",
            ),
            (
                r#""treeSize":"7""#,
                r#""treeSize":"8""#,
                "expected a proof for size 7",
            ),
            (r#""treeSize":"7""#, r#""treeSize":7"#, "not an entry"),
            ("rr7zQLBk", "Ar7zQLBk", "inclusion"),
            (
                r#""rootHash":"39"#,
                r#""rootHash":"A9"#,
                "expected root hash",
            ),
            (r"\n7\n39", r"\n7\nA9", "checkpoint"),
            (r"nIYl+M3l", r"nIYl+A3l", "checkpoint"),
            (
                r#""canonicalizedBody":"ey"#,
                r#""canonicalizedBody":"fy"#,
                "expected leaf hash",
            ),
        ] {
            let answer = ANSWER.replace(part, altered);
            assert_ne!(answer, ANSWER, "{part}");
            let verdict = check(3, &answer);
            assert_eq!((verdict.verified, verdict.wrong), (0, 1), "{part}");
            assert!(verdict.messages[0].contains(message), "{part}: {verdict:?}");
        }
    }
}
