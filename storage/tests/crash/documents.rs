//! The documents of the child: three before each record, which are logged, attached or let go with it or after it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bytes::Bytes;
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::record::{EnvelopeRef, RecordEntry};
use treering_storage::rocks::RocksStore;
use treering_storage::{
    Attached, CommitError, Document, Documents, Gitoid, Held, Journal, Staged, View, apply,
};
use treering_tlog::Hash;

use super::{LOG, at, terms};

/// What becomes of each document.
const LOGGED: u64 = 0;
const ATTACHED: u64 = 1;
const EXPIRED: u64 = 2;
const STAYS: u64 = 3;
const FATES: [u64; 4] = [LOGGED, ATTACHED, EXPIRED, STAYS];

/// The body of a document of the record that starts at `first`.
fn body(first: u64, fate: u64) -> Bytes {
    format!("document {fate} of {first} {}", "d".repeat(3000)).into()
}

/// Whether it is spooled to a file.
fn is_large(first: u64, fate: u64) -> bool {
    (first + fate).is_multiple_of(3)
}

fn held(first: u64, fate: u64) -> Held {
    let body = body(first, fate);
    Held {
        gitoid: Gitoid::of(&body),
        envelope_sha256: Hash::of(&body),
        len: body.len() as u64,
        arrived: first,
        payload_sha256: Hash::of(b"payload"),
        key_ids: vec![fate.to_string()],
    }
}

fn attached(first: u64, fate: u64) -> Attached {
    let Held {
        gitoid,
        envelope_sha256,
        ..
    } = held(first, fate);
    Attached {
        gitoid,
        envelope_sha256,
        log: LOG,
        index: at(first),
    }
}

fn reference(files: Option<&EnvelopeFiles>, first: u64, fate: u64) -> EnvelopeRef {
    let body = body(first, fate);
    match files {
        Some(files) if is_large(first, fate) => {
            let mut spool = files.spool(body.len() as u64).unwrap();
            spool.write(&body).unwrap();
            let (sha256, len) = spool.finish_held().unwrap();
            EnvelopeRef::Spooled { sha256, len }
        }
        _ => EnvelopeRef::inline(body),
    }
}

/// Holds the documents of a record, whose last entry it gives the envelope of one.
pub(super) fn hold(store: &RocksStore, files: &EnvelopeFiles, staged: Staged) -> Staged {
    let first = staged.record.first.get();
    let references = FATES.map(|fate| reference(Some(files), first, fate));
    for (fate, body) in FATES.into_iter().zip(&references) {
        store.hold(&held(first, fate), body).unwrap();
    }
    let [own, ..] = references;
    let mut entries = staged.record.entries;
    let last = entries.pop().unwrap();
    entries.push(RecordEntry::new(last.leaf, Some(own)));
    let index = at(first + entries.len() as u64 - 1);
    let edge = treering_storage::Edge::load(store, LOG, store.head(LOG).unwrap()).unwrap();
    let staged = apply::stage(&edge, LOG, first, entries);
    let terms: Vec<_> = terms(at(first), &staged.record.entries).collect();
    let staged = staged.with_terms(terms).unwrap();
    let own = (held(first, LOGGED).gitoid, index);
    staged.with_documents([own]).unwrap()
}

/// What comes after the record.
pub(super) fn settle(store: &RocksStore, first: u64) {
    store.attach(&attached(first, ATTACHED), None).unwrap();
    assert!(store.expire(held(first, EXPIRED).gitoid).unwrap());
}

/// What a store says that has stopped.
pub(super) fn all_fail(store: &RocksStore) -> [CommitError; 3] {
    let body = reference(None, 0, STAYS);
    [
        store.hold(&held(0, STAYS), &body).unwrap_err(),
        store.attach(&attached(0, STAYS), Some(&body)).unwrap_err(),
        store.expire(held(0, STAYS).gitoid).unwrap_err(),
    ]
}

/// Every document is where its record says, unless the child was killed around it; and no file is left over.
pub(super) fn check(store: &RocksStore, dir: &Path, torn: &HashSet<u64>) {
    let end = store.head(LOG).unwrap().size.get();
    let (mut first, mut files) = (0, [0, 0]);
    loop {
        let batch = store.batch(LOG, at(first)).unwrap();
        for fate in FATES {
            let document = store.document(held(first, fate).gitoid).unwrap();
            if !torn.contains(&first) {
                assert_eq!(document, expected(store, first, fate), "{fate} of {first}");
            }
            check_body(store, first, fate, document.as_ref());
            if is_large(first, fate) {
                files[0] += usize::from(matches!(document, Some(Document::Held(_))));
                files[1] += usize::from(matches!(document, Some(Document::Attached(_))));
            }
        }
        let Some(batch) = batch else { break };
        first = batch.size.get();
    }
    assert_eq!(first, end);
    let found = ["held", "envelopes"].map(|folder| count_files(&dir.join(folder)));
    assert_eq!(found, files, "files of held and of kept bodies");
}

fn expected(store: &RocksStore, first: u64, fate: u64) -> Option<Document> {
    match fate {
        LOGGED => {
            let size = store.batch(LOG, at(first)).unwrap().unwrap().size;
            Some(Document::Attached(Attached {
                index: size.last().unwrap(),
                ..attached(first, fate)
            }))
        }
        ATTACHED => Some(Document::Attached(attached(first, fate))),
        EXPIRED => None,
        _ => Some(Document::Held(held(first, fate))),
    }
}

/// The body is where the document is, and nowhere else.
fn check_body(store: &RocksStore, first: u64, fate: u64, document: Option<&Document>) {
    let Held {
        gitoid,
        envelope_sha256,
        ..
    } = held(first, fate);
    let when = |there: bool| Ok(there.then(|| body(first, fate)));
    let is_held = matches!(document, Some(Document::Held(_)));
    let is_kept = matches!(document, Some(Document::Attached(_)));
    assert_eq!(store.held_body(gitoid), when(is_held));
    assert_eq!(store.envelope(envelope_sha256), when(is_kept));
    if let Some(Document::Attached(row)) = document {
        let all = store.attachments(LOG, row.index).unwrap();
        assert!(all.contains(row), "{row:?} in {all:?}");
    }
}

/// The files two folders down.
fn count_files(folder: &Path) -> usize {
    let names = |folder: &PathBuf| {
        fs::read_dir(folder)
            .unwrap()
            .collect::<io::Result<Vec<_>>>()
    };
    let shelves = names(&folder.to_owned()).unwrap();
    let files = shelves.iter().map(|shelf| names(&shelf.path()).unwrap());
    files.map(|files| files.len()).sum()
}
