//! The rounds and what they check.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::{Server, fsck, init};
use p256::ecdsa::signature::Signer as _;
use parking_lot::Mutex;
use treering_api::log::{EntryId, Log as _, LogName, Receipt, Submission};
use treering_client::Remote;
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, TreeSize, checkpoint};

/// Rounds on one folder before a fresh one is made.
const ROUNDS_PER_FOLDER: usize = 20;
/// The most entries of one round.
const MAX_ENTRIES: usize = 2_000;
/// Submitters at the same time.
const SUBMITTERS: usize = 16;

/// The logs that `init` makes. They share a store, so each is written to beside the other.
const LOGS: [&str; 2] = ["rekor-v1", "rekor-v2"];

/// What the outside knows of the logs.
struct Witness {
    keys: HashMap<String, VerifierKey>,
    roots: HashMap<(String, TreeSize), Hash>,
    acknowledged: Vec<Receipt>,
}

impl Witness {
    fn of(dir: &std::path::Path) -> Self {
        let key = |log: &str| {
            let vkey = std::fs::read_to_string(dir.join(format!("{log}.vkey"))).unwrap();
            (log.to_owned(), VerifierKey::parse(vkey.trim()).unwrap())
        };
        Self {
            keys: LOGS.map(key).into(),
            roots: HashMap::new(),
            acknowledged: Vec::new(),
        }
    }

    fn accept(&mut self, receipt: Receipt) {
        self.open(&receipt, &receipt.leaf_hash);
        self.acknowledged.push(receipt);
    }

    /// The proof holds, and its size has the root it always had.
    fn open(&mut self, receipt: &Receipt, leaf_hash: &Hash) {
        let log = receipt.log.to_string();
        let opened = checkpoint::open(receipt.proof.checkpoint.as_bytes(), &self.keys[&log]);
        let opened = opened.unwrap();
        let (size, root) = (opened.checkpoint().size, opened.checkpoint().root);
        assert_eq!(
            *self.roots.entry((log, size)).or_insert(root),
            root,
            "size {size} has two roots"
        );
        assert_eq!(
            (receipt.proof.inclusion.index, receipt.proof.inclusion.size),
            (receipt.index, size)
        );
        receipt.proof.inclusion.verify(leaf_hash, &root).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_no_size_has_two_roots() {
    let rounds: usize = std::env::var("TREERING_KILL_ROUNDS")
        .ok()
        .map_or(200, |rounds| rounds.parse().unwrap());
    let (mut entries, mut done) = (0, 0);
    while done < rounds {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("log");
        init(&dir);
        let witness = Arc::new(Mutex::new(Witness::of(&dir)));
        for _ in 0..ROUNDS_PER_FOLDER.min(rounds - done) {
            round(&dir, &witness, done).await;
            done += 1;
        }
        check_all(&dir, &witness).await;
        for log in LOGS {
            let known = &witness.lock().acknowledged;
            assert!(known.iter().any(|receipt| receipt.log.as_str() == log));
        }
        entries += witness.lock().acknowledged.len();
        fsck(&dir);
        println!("{done} of {rounds} rounds, {entries} entries acknowledged and found again");
    }
    assert!(
        entries > rounds * 10,
        "the load was real: {entries} entries in {rounds} rounds"
    );
}

/// Serves, submits from many sides, and kills at a moment that differs from round to round.
async fn round(dir: &std::path::Path, witness: &Arc<Mutex<Witness>>, number: usize) {
    let mut server = Server::start(dir);
    let known = witness.lock().acknowledged.len();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    // The moment of death is counted in answers, so that it falls into the load on a slow machine too.
    let die_after = 1 + (number * 37) % 400;
    let (dead, died) = tokio::sync::watch::channel(false);
    let mut tasks = Vec::new();
    for submitter in 0..SUBMITTERS {
        let (remote, witness, acknowledged, died) = (
            server.remote(),
            Arc::clone(witness),
            Arc::clone(&acknowledged),
            died.clone(),
        );
        tasks.push(tokio::spawn(async move {
            submit(&remote, number, submitter, &witness, &acknowledged, &died).await
        }));
    }
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(1));
    while acknowledged.load(Ordering::SeqCst) < die_after {
        ticks.tick().await;
    }
    server.kill();
    dead.send_replace(true);
    for task in tasks {
        task.await.unwrap();
    }
    // After the restart, what this round's submitters were told is there.
    let server = Server::start(dir);
    let fresh: Vec<Receipt> = witness.lock().acknowledged[known..].to_vec();
    for receipt in fresh {
        check(&server.remote(), witness, &receipt).await;
    }
    server.stop();
}

async fn submit(
    remote: &Remote,
    round: usize,
    submitter: usize,
    witness: &Mutex<Witness>,
    acknowledged: &AtomicUsize,
    died: &tokio::sync::watch::Receiver<bool>,
) {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let log = LogName::new(LOGS[submitter % LOGS.len()]).unwrap();
    for number in 0..MAX_ENTRIES / SUBMITTERS {
        let submission = submission(
            &key,
            &format!("round {round} submitter {submitter} number {number}"),
        );
        match remote.submit(Some(&log), submission).await {
            Ok(receipts) => {
                for receipt in receipts {
                    witness.lock().accept(receipt);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            }
            // Nothing is known of this one; the server must be the one that was killed.
            Err(_) => {
                return died
                    .clone()
                    .wait_for(|dead| *dead)
                    .await
                    .map(|_| ())
                    .unwrap();
            }
        }
    }
}

fn submission(key: &p256::ecdsa::SigningKey, text: &str) -> Submission {
    use base64::Engine as _;
    use p256::pkcs8::EncodePublicKey as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let pae = format!("DSSEv1 10 text/plain {} {text}", text.len());
    let signature: p256::ecdsa::Signature = key.sign(pae.as_bytes());
    let envelope = format!(
        r#"{{"payloadType":"text/plain","payload":"{}","signatures":[{{"sig":"{}"}}]}}"#,
        base64.encode(text),
        base64.encode(signature.to_der())
    );
    let public = key.verifying_key().to_public_key_der().unwrap();
    Submission {
        envelope: envelope.into(),
        verifiers: vec![public.as_bytes().to_vec().into()],
    }
}

/// An acknowledged entry is found by its leaf hash, at its index, with a proof.
async fn check(remote: &Remote, witness: &Mutex<Witness>, receipt: &Receipt) {
    let entry = remote
        .entry(
            Some(&receipt.log),
            EntryId::LeafHash(receipt.leaf_hash),
            None,
        )
        .await
        .unwrap();
    assert_eq!(
        (entry.index, entry.integrated_time, entry.envelope_sha256),
        (
            receipt.index,
            receipt.integrated_time,
            receipt.envelope_sha256
        )
    );
    let found = Receipt {
        proof: entry.proof.unwrap(),
        ..receipt.clone()
    };
    witness.lock().open(&found, &Hash::leaf(&entry.leaf));
}

/// Everything that was ever acknowledged in this folder.
async fn check_all(dir: &std::path::Path, witness: &Arc<Mutex<Witness>>) {
    let server = Server::start(dir);
    let remote = server.remote();
    let all: Vec<Receipt> = witness.lock().acknowledged.clone();
    for receipt in &all {
        check(&remote, witness, receipt).await;
    }
    server.stop();
}
