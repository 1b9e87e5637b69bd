//! What a log has to look like, kept in vectors and computed the slow way.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use treering_tlog::{CompactRange, Hash, LeafIndex, TreeSize};

use crate::record::{EnvelopeRef, RecordEntry};
use crate::{BatchRow, Edge, EntryRow, Head, LogId, Order, Record, Staged, Store, Term, apply};

/// All that was committed to one log.
#[derive(Clone, Debug)]
pub struct Model {
    log: LogId,
    edge: Edge,
    records: Vec<Record>,
}

/// `count` entries of a log from `first` on: every leaf differs from every other of any log. One in four has no
/// envelope, one in four shares that of the entry before it.
#[must_use]
pub fn entries(log: LogId, first: u64, count: usize) -> Vec<RecordEntry> {
    (first..)
        .take(count)
        .map(|index| entry(log, index))
        .collect()
}

fn entry(log: LogId, index: u64) -> RecordEntry {
    let leaf = format!(
        "leaf {index} of log {}: {}",
        log.0,
        "x".repeat(usize::try_from(index % 97).unwrap_or(0))
    );
    let body = |index: u64| {
        Bytes::from(format!(
            "envelope {index} of log {} {}",
            log.0,
            "y".repeat(200)
        ))
    };
    let envelope = match index % 4 {
        0 => None,
        3 => Some(body(index - 1)),
        _ => Some(body(index)),
    };
    RecordEntry::new(leaf.into(), envelope.map(EnvelopeRef::inline))
}

/// The terms of entries from `first` on, as the model stages and expects them: one that all share, one that an eighth
/// shares, one of its own.
pub fn terms(first: LeafIndex, entries: &[RecordEntry]) -> impl Iterator<Item = (Term, LeafIndex)> {
    (first.get()..).zip(entries).flat_map(|(at, entry)| {
        let terms = [shared_term(), some_term(entry), own_term(entry)];
        terms.map(|term| (term, index(at)))
    })
}

/// What all entries are found by.
pub(super) fn shared_term() -> Term {
    Term::new(Term::REKOR_V1_INDEX_KEY, "all")
}

fn some_term(entry: &RecordEntry) -> Term {
    let [byte, ..] = entry.leaf_hash.as_bytes();
    Term::new(Term::REKOR_V1_INDEX_KEY, &(byte % 8).to_string())
}

/// What only this entry is found by.
pub(super) fn own_term(entry: &RecordEntry) -> Term {
    Term::new(Term::REKOR_V1_INDEX_KEY, &entry.leaf_hash.to_hex())
}

impl Model {
    /// An empty log.
    #[must_use]
    pub fn new(log: LogId) -> Self {
        Self {
            log,
            edge: Edge::new(),
            records: Vec::new(),
        }
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// The edge that staging has kept.
    #[must_use]
    pub const fn edge(&self) -> &Edge {
        &self.edge
    }

    /// What was committed, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The next `count` entries as a batch.
    #[must_use]
    pub fn stage(&self, count: usize) -> Staged {
        self.stage_entries(entries(self.log, self.edge.size().get(), count))
    }

    /// These entries as the next batch.
    #[must_use]
    pub fn stage_entries(&self, entries: Vec<RecordEntry>) -> Staged {
        let time = 1_700_000_000 + self.records.len() as u64;
        let staged = apply::stage(&self.edge, self.log, time, entries);
        let terms: Vec<_> = terms(staged.record.first, &staged.record.entries).collect();
        staged
            .with_terms(terms)
            .expect("three terms an entry of the record")
    }

    /// Takes note that the store has acknowledged a batch.
    pub fn accept(&mut self, staged: &Staged) {
        self.edge = staged.edge.clone();
        self.records.push(staged.record.clone());
    }

    /// Compares everything that a store can be asked about the log.
    ///
    /// # Panics
    /// If an answer is wrong.
    pub fn check(&self, store: &dyn Store) {
        self.check_journal(store);
        self.check_entries(store);
        self.check_terms(store);
        self.check_batches(store);
        self.check_tree(store);
    }

    fn all(&self) -> Vec<&RecordEntry> {
        self.records
            .iter()
            .flat_map(|record| &record.entries)
            .collect()
    }

    /// The head that the store must have.
    #[must_use]
    pub fn head(&self) -> Head {
        let time = self
            .records
            .last()
            .map_or(0, |record| record.integrated_time);
        let mut naive = CompactRange::new();
        self.all()
            .iter()
            .for_each(|entry| naive.append(Hash::leaf(&entry.leaf)));
        Head {
            size: naive.size(),
            root: naive.root(),
            integrated_time: time,
        }
    }

    fn check_journal(&self, store: &dyn Store) {
        assert_eq!(store.head(self.log), Ok(self.head()), "head");
        for record in &self.records {
            let found = store
                .record(self.log, record.first)
                .expect("a readable record");
            assert_eq!(found.as_ref(), Some(record), "record at {}", record.first);
            if record.entries.len() > 1 {
                let inside = record.first.next().expect("a small index");
                assert_eq!(
                    store.record(self.log, inside),
                    Ok(None),
                    "no record starts inside another"
                );
            }
        }
        assert_eq!(
            store.record(self.log, self.edge.size().next_index()),
            Ok(None),
            "record at the end"
        );
    }

    fn check_entries(&self, store: &dyn Store) {
        let row = |entry: &&RecordEntry| EntryRow {
            leaf: entry.leaf.clone(),
            envelope_sha256: entry.envelope.as_ref().map(EnvelopeRef::sha256),
        };
        let expected: Vec<_> = self.all().iter().map(row).collect();
        let len = expected.len();
        for (from, count) in [
            (0, len + 1),
            (0, len / 2),
            (len / 2, 7),
            (len / 3, len),
            (len, 5),
            (len + 3, 1),
            (0, 0),
        ] {
            let found = store
                .entries(self.log, index(from), count)
                .expect("readable entries");
            let expected: Vec<_> = expected.iter().skip(from).take(count).cloned().collect();
            assert_eq!(found, expected, "{count} entries from {from}");
        }
        let mut hashes: Vec<_> = self.all().iter().map(|entry| entry.leaf_hash).collect();
        let mut indexes: Vec<_> = (0..len).map(|at| Some(index(at))).collect();
        hashes.reverse();
        indexes.reverse();
        hashes.push(Hash::leaf(b"never committed"));
        indexes.push(None);
        assert_eq!(store.indexes(self.log, &hashes), Ok(indexes), "indexes");
        for envelope in self
            .all()
            .iter()
            .filter_map(|entry| entry.envelope.as_ref())
        {
            if let EnvelopeRef::Inline { sha256, bytes } = envelope {
                assert_eq!(
                    store.envelope(*sha256),
                    Ok(Some(bytes.clone())),
                    "envelope {sha256}"
                );
            }
        }
    }

    /// All terms that entries share, and those that only a few of them have, both ways; none of what never came.
    fn check_terms(&self, store: &dyn Store) {
        let mut expected = BTreeMap::<_, Vec<_>>::new();
        let len = self.all().len();
        for (at, entry) in self.all().into_iter().enumerate() {
            for term in [shared_term(), some_term(entry)] {
                expected.entry(term).or_default().push(index(at));
            }
            if at % 37 == 0 || at + 1 == len {
                expected.entry(own_term(entry)).or_default().push(index(at));
            }
        }
        expected.insert(Term::new(0, "never"), vec![]);
        for (term, mut indexes) in expected {
            let find = |order, limit| store.find(self.log, &term, order, limit);
            assert_eq!(find(Order::OLDEST, usize::MAX), Ok(indexes.clone()), "term");
            indexes.reverse();
            assert_eq!(find(Order::NEWEST, usize::MAX), Ok(indexes.clone()), "term");
            indexes.truncate(3);
            assert_eq!(find(Order::NEWEST, 3), Ok(indexes), "three of a term");
            assert_eq!(find(Order::OLDEST, 0), Ok(vec![]), "none of a term");
        }
    }

    fn check_batches(&self, store: &dyn Store) {
        for record in &self.records {
            let Record {
                first,
                integrated_time,
                root,
                ..
            } = *record;
            let row = BatchRow {
                first,
                size: record.size(),
                root,
                integrated_time,
            };
            let last = record.size().last().expect("no record is empty");
            for index in [first, last] {
                assert_eq!(
                    store.batch(self.log, index),
                    Ok(Some(row)),
                    "batch of {index}"
                );
            }
        }
        assert_eq!(
            store.batch(self.log, self.edge.size().next_index()),
            Ok(None),
            "batch at the end"
        );
    }

    /// Every full tile, from hashes computed level by level over all leaves, and the edge.
    fn check_tree(&self, store: &dyn Store) {
        let mut hashes: Vec<_> = self
            .all()
            .iter()
            .map(|entry| Hash::leaf(&entry.leaf))
            .collect();
        for level in 0..9 {
            let tiles = hashes.chunks_exact(256);
            let full = tiles.len() as u64;
            for (index, tile) in (0..).zip(tiles) {
                let expected: Vec<u8> = tile.iter().flat_map(|hash| *hash.as_bytes()).collect();
                let found = store.tile(self.log, level, index).expect("a readable tile");
                assert_eq!(
                    found,
                    Some(expected.into()),
                    "tile {index} of level {level}"
                );
            }
            assert_eq!(
                store.tile(self.log, level, full),
                Ok(None),
                "the partial tile of level {level}"
            );
            for _ in 0..8 {
                hashes = hashes
                    .chunks_exact(2)
                    .map(|pair| Hash::node(&pair[0], &pair[1]))
                    .collect();
            }
        }
        let head = self.head();
        assert_eq!(
            Edge::load(store, self.log, head),
            Ok(self.edge.clone()),
            "the edge at {}",
            head.size
        );
        let other = Head {
            root: Hash::of(b"another"),
            ..head
        };
        if head.size != TreeSize::ZERO {
            Edge::load(store, self.log, other).expect_err("the edge of another root");
        }
    }
}

/// A number of a test as an index.
pub(super) fn index(at: impl TryInto<u64, Error: Debug>) -> LeafIndex {
    let at = at.try_into().expect("a number in 64 bits");
    LeafIndex::new(at).expect("a small index")
}
