//! What is remembered, and what is refused because of it.

use std::convert::Infallible;
use std::fs;

use crate::tile_server::{ORIGIN, checkpoint, leaf, log_key};
use tempfile::TempDir;
use treering_api::log::LogName;
use treering_client::LogKey;
use treering_client::memory::{Advance, Memory, MemoryError, MisbehaviourKind, PinError};
use treering_client::trust::TrustError;
use treering_tlog::checkpoint::{Opened, Origin};
use treering_tlog::merkle::{ConsistencyProof, Growth};
use treering_tlog::note::{KeyName, NoteSigner};
use treering_tlog::{CompactRange, Hash, TreeSize};

fn root(size: u64) -> Hash {
    let mut range = CompactRange::new();
    (0..size).for_each(|index| range.append(Hash::leaf(&leaf(index))));
    range.root()
}

fn opened(size: u64, root: Hash) -> Opened {
    log_key().open(checkpoint(size, root).as_bytes()).unwrap()
}

fn honest(size: u64) -> Opened {
    opened(size, root(size))
}

async fn prove(from: TreeSize, to: TreeSize) -> Result<ConsistencyProof, Infallible> {
    let growth = Growth::new(
        &CompactRange::new(),
        (0..to.get()).map(|index| Hash::leaf(&leaf(index))),
    );
    Ok(treering_tlog::merkle::consistency::prove(from, to, &growth).unwrap())
}

async fn unasked(from: TreeSize, to: TreeSize) -> Result<ConsistencyProof, Infallible> {
    panic!("no proof from {from} to {to} is needed")
}

struct Fixture {
    _dir: TempDir,
    memory: Memory,
}

impl Fixture {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let memory = Memory::new(dir.path().join("state"));
        Self { _dir: dir, memory }
    }

    fn size(&self) -> Option<u64> {
        let seen = self.memory.recall(&Origin::new(ORIGIN).unwrap()).unwrap();
        seen.map(|seen| seen.checkpoint().size.get())
    }

    async fn advance(&self, opened: &Opened) -> Result<Advance, MemoryError<Infallible>> {
        let seen = self.memory.recall(log_key().origin()).unwrap();
        self.memory.advance(seen.as_ref(), opened, prove).await
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, MemoryError<Infallible>>) -> MisbehaviourKind {
    match result {
        Err(MemoryError::Misbehaviour(proof)) => {
            assert!(
                log_key().open(proof.remembered.as_bytes()).is_ok(),
                "evidence is signed"
            );
            assert!(
                log_key().open(proof.found.as_bytes()).is_ok(),
                "evidence is signed"
            );
            proof.kind
        }
        other => panic!("expected misbehaviour, found {other:?}"),
    }
}

#[tokio::test]
async fn a_log_that_grows_is_remembered_by_its_newest_checkpoint() {
    let fixture = Fixture::new();
    assert_eq!(fixture.size(), None);
    assert_eq!(
        fixture
            .memory
            .advance(None, &honest(3), unasked)
            .await
            .unwrap(),
        Advance::First
    );
    let from = TreeSize::new(3).unwrap();
    assert_eq!(
        fixture.advance(&honest(7)).await.unwrap(),
        Advance::Grown { from }
    );
    assert_eq!(fixture.advance(&honest(7)).await.unwrap(), Advance::Same);
    assert_eq!(fixture.size(), Some(7));
}

#[tokio::test]
async fn a_rollback_is_refused_and_forgets_nothing() {
    let fixture = Fixture::new();
    fixture.advance(&honest(7)).await.unwrap();
    assert_eq!(
        kind(fixture.advance(&honest(6)).await),
        MisbehaviourKind::Rollback
    );
    assert_eq!(fixture.size(), Some(7));
}

#[tokio::test]
async fn a_fork_is_refused_at_the_same_size_and_at_a_larger_one() {
    let fixture = Fixture::new();
    fixture.advance(&honest(7)).await.unwrap();
    let other = Hash::of(b"other");
    assert_eq!(
        kind(fixture.advance(&opened(7, other)).await),
        MisbehaviourKind::Fork
    );
    assert_eq!(
        kind(fixture.advance(&opened(9, other)).await),
        MisbehaviourKind::Inconsistent
    );
    assert_eq!(fixture.size(), Some(7));
}

#[tokio::test]
async fn a_proof_for_other_sizes_is_no_proof() {
    let fixture = Fixture::new();
    fixture.advance(&honest(4)).await.unwrap();
    let seen = fixture.memory.recall(log_key().origin()).unwrap();
    let shorter = async |_, to| prove(TreeSize::new(2).unwrap(), to).await;
    let result = fixture
        .memory
        .advance(seen.as_ref(), &honest(9), shorter)
        .await;
    assert_eq!(kind(result), MisbehaviourKind::Inconsistent);
}

#[tokio::test]
async fn an_older_checkpoint_of_a_receipt_must_go_together_with_the_newest() {
    let fixture = Fixture::new();
    fixture.advance(&honest(9)).await.unwrap();
    let seen = fixture.memory.recall(log_key().origin()).unwrap();
    assert_eq!(
        fixture
            .memory
            .admit(seen.as_ref(), &honest(5), prove)
            .await
            .unwrap(),
        Advance::Older
    );
    assert_eq!(fixture.size(), Some(9));
    let result = fixture
        .memory
        .admit(seen.as_ref(), &opened(5, Hash::of(b"other")), prove)
        .await;
    assert_eq!(kind(result), MisbehaviourKind::Inconsistent);
}

#[tokio::test]
async fn what_another_process_remembers_meanwhile_is_no_rollback_but_may_be_a_fork() {
    let fixture = Fixture::new();
    fixture.advance(&honest(3)).await.unwrap();
    let seen = fixture.memory.recall(log_key().origin()).unwrap();
    fixture.advance(&honest(9)).await.unwrap();
    fixture
        .memory
        .advance(seen.as_ref(), &honest(7), prove)
        .await
        .unwrap();
    assert_eq!(fixture.size(), Some(9), "the larger one stays");
    let result = fixture
        .memory
        .advance(None, &opened(9, Hash::of(b"other")), unasked)
        .await;
    assert_eq!(kind(result), MisbehaviourKind::Fork);
}

#[tokio::test]
async fn a_damaged_memory_is_an_error_and_not_a_fresh_start() {
    let fixture = Fixture::new();
    fixture.advance(&honest(7)).await.unwrap();
    let folder = fixture._dir.path().join("state/checkpoints");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::write(&file, "log.test/small\n0\n").unwrap();
    let error = fixture
        .memory
        .recall(log_key().origin())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("not") || error.contains("without"),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_consistency_proof_nothing_is_remembered() {
    let fixture = Fixture::new();
    fixture.advance(&honest(3)).await.unwrap();
    let seen = fixture.memory.recall(log_key().origin()).unwrap();
    let refuse = async |_, _| Err::<ConsistencyProof, _>(std::io::Error::other("no connection"));
    let error = fixture
        .memory
        .advance(seen.as_ref(), &honest(9), refuse)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no consistency proof from 3 to 9: no connection"
    );
    assert_eq!(fixture.size(), Some(3));
}

#[test]
fn the_first_key_of_a_servers_log_is_pinned() {
    let fixture = Fixture::new();
    let (log, other) = (
        LogName::new("small").unwrap(),
        LogName::new("other").unwrap(),
    );
    let vkey = log_key().key().to_string();
    let url = "https://log.test/";
    assert_eq!(fixture.memory.pin(url, &log, &vkey).unwrap(), log_key());
    assert_eq!(fixture.memory.pin(url, &log, &vkey).unwrap(), log_key());
    let changed = "log.test/small+".to_owned();
    assert!(
        fixture.memory.pin(url, &log, &changed).is_err(),
        "not a key"
    );
    let signer = NoteSigner::new(
        KeyName::new(ORIGIN).unwrap(),
        ed25519_dalek::SigningKey::from_bytes(&[8; 32]),
    );
    let changed = signer.unwrap().verifier().to_string();
    match fixture.memory.pin(url, &log, &changed) {
        Err(PinError::Trust(TrustError::Changed {
            expected, found, ..
        })) => {
            assert_eq!((expected, found), (vkey, changed.clone()));
        }
        other => panic!("expected a changed key, found {other:?}"),
    }
    assert!(
        fixture.memory.pin(url, &other, &changed).is_ok(),
        "another log may have it"
    );
    assert!(
        fixture
            .memory
            .pin("https://other.test/", &log, &changed)
            .is_ok(),
        "another server may have it"
    );
}

#[tokio::test]
async fn what_another_key_signed_is_no_misbehaviour_and_is_not_compared() {
    let fixture = Fixture::new();
    fixture.advance(&honest(7)).await.unwrap();
    let recalled = fixture.memory.recall_of(&log_key()).unwrap().unwrap();
    assert_eq!(recalled.checkpoint().size.get(), 7);
    let anew = NoteSigner::new(
        KeyName::new(ORIGIN).unwrap(),
        ed25519_dalek::SigningKey::from_bytes(&[8; 32]),
    )
    .unwrap();
    let key = LogKey::from_vkey(&anew.verifier().to_string()).unwrap();
    let Err(PinError::Trust(TrustError::Remembered { path, .. })) = fixture.memory.recall_of(&key)
    else {
        panic!("expected another key than remembered")
    };
    fs::remove_file(path).unwrap();
    assert_eq!(fixture.memory.recall_of(&key).unwrap(), None);
}

#[tokio::test]
async fn a_remembered_checkpoint_with_a_wrong_signature_by_the_present_key_is_damaged() {
    let fixture = Fixture::new();
    fixture.advance(&honest(7)).await.unwrap();
    let folder = fixture._dir.path().join("state/checkpoints");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let note = fs::read_to_string(&file).unwrap();
    fs::write(&file, note.replacen("\n7\n", "\n5\n", 1)).unwrap();
    let result = fixture.memory.recall_of(&log_key());
    assert!(matches!(result, Err(PinError::State(_))), "{result:?}");
}
