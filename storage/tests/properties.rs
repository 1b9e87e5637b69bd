//! Random batches: memory and RocksDB agree in every answer, and both with vectors computed the slow way.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use proptest::prelude::*;
use treering_storage::contract::Model;
use treering_storage::memory::MemoryStore;
use treering_storage::record::{EnvelopeRef, Record, RecordEntry};
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Event, LogId, Store, StoreError, apply};
use treering_tlog::{Hash, LeafIndex, TreeSize};

/// Envelopes of all kinds; few different ones, so that batches share some.
fn envelope() -> impl Strategy<Value = Option<EnvelopeRef>> {
    let spooled = (any::<u8>(), any::<u64>()).prop_map(|(of, len)| EnvelopeRef::Spooled {
        sha256: Hash::of(&[b'f', of]),
        len,
    });
    let inline = (any::<u8>(), 0_usize..3000)
        .prop_map(|(byte, len)| EnvelopeRef::inline(vec![byte % 4; len / 500 * 500].into()));
    prop_oneof![Just(None), inline.prop_map(Some), spooled.prop_map(Some)]
}

/// A log, and for each entry of a batch the bytes that go with its number.
type Batch = (u32, Vec<(Vec<u8>, Option<EnvelopeRef>)>);

fn batch() -> impl Strategy<Value = Batch> {
    let few = prop::collection::vec(
        (prop::collection::vec(any::<u8>(), 0..40), envelope()),
        1..6,
    );
    let many = prop::collection::vec(
        (prop::collection::vec(any::<u8>(), 0..3), envelope()),
        200..400,
    );
    (0_u32..3, prop_oneof![3 => few, 1 => many])
}

/// No leaf twice in a log: its index is in it.
fn entries(first: u64, bodies: Vec<(Vec<u8>, Option<EnvelopeRef>)>) -> Vec<RecordEntry> {
    let entry = |(index, (tail, envelope)): (u64, (Vec<u8>, _))| {
        RecordEntry::new(
            [index.to_be_bytes().as_slice(), &tail].concat().into(),
            envelope,
        )
    };
    (first..).zip(bodies).map(entry).collect()
}

fn commit(stores: &[&dyn Store], model: &mut Model, bodies: Vec<(Vec<u8>, Option<EnvelopeRef>)>) {
    let staged = model.stage_entries(entries(model.edge().size().get(), bodies));
    for store in stores {
        store.commit(&staged).unwrap();
    }
    model.accept(&staged);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn memory_and_rocksdb_agree(batches in prop::collection::vec(batch(), 1..8), reopen in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let open = || RocksStore::open(dir.path(), &RocksOptions::default()).unwrap();
        let (memory, mut rocks) = (MemoryStore::new(), open());
        let mut models = [0, 1, 2].map(|log| Model::new(LogId(log)));
        for (log, bodies) in batches {
            let model = &mut models[usize::try_from(log).unwrap()];
            commit(&[&memory, &rocks], model, bodies);
            model.check(&rocks);
        }
        if reopen {
            drop(rocks);
            rocks = open();
        }
        for model in &models {
            model.check(&memory);
            model.check(&rocks);
        }
    }

    #[test]
    fn a_record_survives_its_bytes(batch in batch(), first in 0_u64..1 << 40, time in any::<u64>()) {
        let record = Record {
            log: LogId(batch.0),
            first: LeafIndex::new(first).unwrap(),
            integrated_time: time,
            entries: entries(first, batch.1),
            root: Hash::of(b"root"),
        };
        prop_assert_eq!(Record::decode(&record.encode()).unwrap(), record);
    }

    #[test]
    fn a_damaged_record_is_refused(batch in batch(), at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let staged = Model::new(LogId(1)).stage_entries(entries(0, batch.1));
        let good = staged.record.encode();
        let mut bad = good.to_vec();
        bad[at.index(good.len())] ^= 1_u8 << bit;
        prop_assert!(Record::decode(&bad.into()).is_err());
        let cut = at.index(good.len());
        prop_assert!(Record::decode(&good.slice(..cut)).is_err());
        prop_assert!(Record::decode(&[&good[..], &[0]].concat().into()).is_err());
    }

    #[test]
    fn an_event_survives_its_bytes(id in any::<u32>(), name in ".{0,20}", size in 0_u64..1 << 62, at in any::<u64>()) {
        let id = LogId(id);
        let (dialect, origin) = ("rekor-v2".to_owned(), format!("{name}/origin"));
        let size = TreeSize::new(size).unwrap();
        let added = Event::LogAdded { id, name: name.clone(), dialect, origin, created: at };
        let frozen = |successor, mark| Event::LogFrozen { id, size, successor, mark, at };
        let (plain, marked) = (frozen(None, None), frozen(None, Some(name.clone())));
        for event in [added, plain, marked, frozen(Some(name.clone()), None), frozen(Some(name.clone()), Some(name))] {
            prop_assert_eq!(Event::decode(&event.encode()).unwrap(), event);
        }
    }

    #[test]
    fn only_the_next_record_with_the_right_root_is_restaged(batches in prop::collection::vec(batch(), 2..4)) {
        let mut model = Model::new(LogId(1));
        let mut staged = vec![];
        for (_, bodies) in batches {
            let next = model.stage_entries(entries(model.edge().size().get(), bodies));
            model.accept(&next);
            staged.push(next);
        }
        let mut edge = treering_storage::Edge::new();
        for (at, expected) in staged.iter().enumerate() {
            let again = apply::restage(&edge, expected.record.clone()).unwrap();
            prop_assert_eq!((&again.record, &again.edge), (&expected.record, &expected.edge));
            prop_assert_eq!(&again.rows.tiles, &expected.rows.tiles);
            let root = Hash::of(b"another");
            let wrong = Record { root, ..expected.record.clone() };
            let refused = apply::restage(&edge, wrong).unwrap_err();
            prop_assert!(matches!(refused, StoreError::Corrupt { .. }), "{}", refused);
            for (other, record) in staged.iter().map(|staged| &staged.record).enumerate() {
                prop_assert_eq!(apply::restage(&edge, record.clone()).is_ok(), at == other);
            }
            edge = again.edge;
        }
    }
}
