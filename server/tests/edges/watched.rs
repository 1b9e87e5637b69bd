//! A server whose log is fed to witnesses, and what every note and receipt of it must be.

use std::sync::Arc;

use treering_api::json::SubmittedJson;
use treering_api::log::Receipt;
use treering_tlog::checkpoint::{self, Checkpoint};
use treering_tlog::note::VerifierKey;

use super::fake_witness::{FakeWitness, Mood};
use super::support::{Answer, PATIENCE, Running, submission, submit_path};

/// A server whose log is fed to witnesses of its own.
pub(crate) struct Watched {
    pub(crate) server: Running,
    pub(crate) witnesses: Vec<Arc<FakeWitness>>,
    log: VerifierKey,
}

/// Rounds as fast as they may be, and patience with witnesses of this process on a busy machine.
pub(crate) const FAST: &[(&str, &str)] = &[
    ("TREERING_SERVER_WITNESS_POLICY", "policy"),
    ("TREERING_SERVER_WITNESS_INTERVAL", "10ms"),
    ("TREERING_SERVER_WITNESS_TIMEOUT", "1m"),
    ("TREERING_SERVER_WITNESS_MAX_WAIT", "1m"),
];

impl Watched {
    /// Witnesses of these moods, of which `quorum` (`any`, `all`, a number) have to cosign.
    pub(crate) async fn start(moods: &[Mood], quorum: &str, settings: &[(&str, &str)]) -> Self {
        let mut witnesses = Vec::new();
        for (seed, mood) in (1..).zip(moods) {
            witnesses.push(FakeWitness::start(seed, *mood).await);
        }
        let mut log = None;
        let settings = [FAST, settings].concat();
        let server = Running::start_prepared(&settings, |dir| {
            let vkey = std::fs::read_to_string(dir.join("rekor-v2.vkey")).unwrap();
            let key = VerifierKey::parse(vkey.trim_end()).unwrap();
            witnesses
                .iter()
                .for_each(|witness| witness.trust(key.clone()));
            log = Some(key);
            std::fs::write(dir.join("policy"), policy(&witnesses, quorum)).unwrap();
        })
        .await;
        Self {
            server,
            witnesses,
            log: log.unwrap(),
        }
    }

    /// What a note says and how many witnesses cosigned it. The log's line is the first, and every line verifies.
    pub(crate) fn check(&self, note: &str) -> (Checkpoint, usize) {
        let opened = checkpoint::open(note.as_bytes(), &self.log).unwrap();
        let signatures = opened.note().signatures();
        assert_eq!(signatures[0].id(), self.log.id(), "{note}");
        let own = self.witnesses.iter().map(|witness| witness.key.clone());
        let keys: Vec<VerifierKey> = own.chain([self.log.clone()]).collect();
        let verified = opened.note().verify(&keys).unwrap();
        assert_eq!(verified.signatures().len(), signatures.len(), "{note}");
        (opened.checkpoint().clone(), signatures.len() - 1)
    }

    pub(crate) async fn submit_waiting(&self, text: &str) -> Answer {
        let path = format!("{}&wait=cosigned", submit_path());
        self.server.post(&path, submission(text).envelope).await
    }

    /// The receipt of an answer: proven in the checkpoint in it, which that many witnesses cosigned at least.
    pub(crate) fn receipt(&self, answer: &Answer, least: usize) -> Receipt {
        assert!(answer.status.is_success(), "{:?}", answer.body);
        let submitted: SubmittedJson = serde_json::from_slice(&answer.body).unwrap();
        let receipt = Vec::<Receipt>::try_from(submitted).unwrap().remove(0);
        self.check_receipt(&receipt, least);
        receipt
    }

    pub(crate) fn check_receipt(&self, receipt: &Receipt, least: usize) {
        let (checkpoint, cosigned) = self.check(&receipt.proof.checkpoint);
        assert!(cosigned >= least, "{}", receipt.proof.checkpoint);
        assert_eq!(checkpoint.size, receipt.proof.inclusion.size);
        let inclusion = &receipt.proof.inclusion;
        inclusion
            .verify(&receipt.leaf_hash, &checkpoint.root)
            .unwrap();
    }

    /// The same after a restart; `between` is called while the server is down.
    pub(crate) async fn restart_with(self, between: impl FnOnce()) -> Self {
        let Self {
            server,
            witnesses,
            log,
        } = self;
        let folder = server.stop_and_keep().await;
        between();
        let server = Running::start_in(folder, FAST).await;
        Self {
            server,
            witnesses,
            log,
        }
    }

    /// Asks until the answer is as it should be.
    pub(crate) async fn until(
        &self,
        path: &str,
        admin: bool,
        fits: impl Fn(&str) -> bool,
    ) -> String {
        let asked = async {
            loop {
                let answer = if admin {
                    self.server.admin(path).await
                } else {
                    self.server.get(path).await
                };
                let text = String::from_utf8(answer.body.to_vec()).unwrap();
                if fits(&text) {
                    return text;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, asked).await;
        found.unwrap_or_else(|_| panic!("{path} does not become what it should"))
    }
}

pub(crate) fn policy(witnesses: &[Arc<FakeWitness>], quorum: &str) -> String {
    let lines: String = witnesses.iter().map(|witness| witness.line()).collect();
    let names: Vec<&str> = witnesses
        .iter()
        .map(|witness| witness.name.as_str())
        .collect();
    format!("{lines}group g {quorum} {}\nquorum g\n", names.join(" "))
}
