//! From a record to the rows of the view. Commit, recovery, followers, reindexing and fsck all come through here.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use treering_tlog::{Growth, Hash, LeafIndex};

use crate::documents::{Attached, DocumentsError, Gitoid};
use crate::record::RecordEntry;
use crate::term::{TERMS_MAX, Term, TermsError};
use crate::{Edge, LogId, Record, StoreError};

/// The rows of the view that take computing. Those of entries, dedup, batch and envelopes stand in the record itself.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Hash tiles that this batch fills: tile level, tile index, 8,192 bytes.
    pub tiles: Vec<(u8, u64, Bytes)>,
    /// What the entries can be found by, sorted and each once. Empty until [`Staged::with_terms`]: only who knows the
    /// dialect can tell the terms of a leaf.
    pub terms: Vec<(Term, LeafIndex)>,
    /// The documents that the entries' own envelopes are, by entry. Empty until [`Staged::with_documents`].
    pub documents: Vec<Attached>,
}

/// A record together with all that follows from it, ready to be committed. Only [`stage`] and [`restage`] make one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Staged {
    /// What happens.
    pub record: Record,
    /// The rows that it adds.
    pub rows: Rows,
    /// The right edge of the tree after it.
    pub edge: Edge,
    /// The nodes that it adds: enough to prove every new entry without storage.
    pub growth: Growth,
}

impl Staged {
    /// The same with these terms of its entries, instead of those it had. A term that is given twice for an entry is
    /// one row. Terms follow from the record and are not part of it: what a journal gives back has none.
    ///
    /// How many terms an entry has is up to the caller, as long as a commit stays one bounded write.
    ///
    /// # Errors
    /// [`TermsError`]: more than [`TERMS_MAX`], or one of an entry that is not in the record.
    pub fn with_terms(
        mut self,
        terms: impl IntoIterator<Item = (Term, LeafIndex)>,
    ) -> Result<Self, TermsError> {
        let (first, size) = (self.record.first, self.record.size());
        let rows = &mut self.rows.terms;
        rows.clear();
        for (term, index) in terms {
            if index < first || !size.contains(index) {
                return Err(TermsError::Outside { index, first, size });
            }
            if rows.len() == TERMS_MAX {
                return Err(TermsError::TooMany { limit: TERMS_MAX });
            }
            rows.push((term, index));
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(self)
    }

    /// The same with these gitoids of its entries' own envelopes, instead of those it had: rows of the record's own
    /// write. What is held under one of them is held no longer after that write. They are not part of the record:
    /// what a journal gives back has none.
    ///
    /// # Errors
    /// [`DocumentsError`]: one of an entry that is not in the record or has no envelope, or two of one entry.
    pub fn with_documents(
        mut self,
        documents: impl IntoIterator<Item = (Gitoid, LeafIndex)>,
    ) -> Result<Self, DocumentsError> {
        let mut rows = BTreeMap::new();
        for (gitoid, index) in documents {
            let attached = self.record.document(gitoid, index)?;
            let first = *rows.entry(index).or_insert(attached);
            if first != attached {
                return Err(DocumentsError::Second { index });
            }
        }
        self.rows.documents = rows.into_values().collect();
        Ok(self)
    }
}

impl Record {
    /// The document that the envelope of one of its entries is.
    fn document(&self, gitoid: Gitoid, index: LeafIndex) -> Result<Attached, DocumentsError> {
        let (first, size) = (self.first, self.size());
        let at = index.get().checked_sub(first.get());
        let entry = at.and_then(|at| self.entries.get(usize::try_from(at).ok()?));
        let entry = entry.ok_or(DocumentsError::Outside { index, first, size })?;
        let envelope = entry.envelope.as_ref();
        let envelope = envelope.ok_or(DocumentsError::NoEnvelope { index })?;
        Ok(Attached {
            gitoid,
            envelope_sha256: envelope.sha256(),
            log: self.log,
            index,
        })
    }
}

/// Puts `entries` behind `edge`. Pure: nothing is written, nothing can fail.
///
/// The entries' leaf hashes are trusted: whoever makes a [`RecordEntry`] computes them once, with the signature check.
#[must_use]
pub fn stage(edge: &Edge, log: LogId, integrated_time: u64, entries: Vec<RecordEntry>) -> Staged {
    let growth = Growth::new(edge.range(), entries.iter().map(|entry| entry.leaf_hash));
    let mut rows = Rows::default();
    let edge_after = edge.grow(&growth, |level, index, hashes| {
        rows.tiles.push((level, index, tile_bytes(hashes)))
    });
    let record = Record {
        log,
        first: edge.size().next_index(),
        integrated_time,
        entries,
        root: growth.root(),
    };
    Staged {
        record,
        rows,
        edge: edge_after,
        growth,
    }
}

/// The same for a record that was read back. The leaf hashes are those that decoding computed.
///
/// # Errors
/// `Corrupt` if the record does not start where the edge ends, or its root is not the one that its leaves give.
pub fn restage(edge: &Edge, record: Record) -> Result<Staged, StoreError> {
    let Record {
        log,
        first,
        integrated_time,
        entries,
        root,
    } = record;
    let key = || format!("record of log {} at {first}", log.0);
    if first != edge.size().next_index() {
        return Err(StoreError::corrupt(
            key(),
            format_args!("a record at {}", edge.size()),
            first,
        ));
    }
    let staged = stage(edge, log, integrated_time, entries);
    if staged.record.root != root {
        return Err(StoreError::corrupt(
            key(),
            format_args!("root {}", staged.record.root),
            root,
        ));
    }
    Ok(staged)
}

/// The bytes of a tile: its hashes one after the other.
fn tile_bytes(hashes: &[Hash]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(hashes.len() * Hash::LEN);
    for hash in hashes {
        bytes.put_slice(hash.as_bytes());
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EnvelopeRef;

    fn at(index: u64) -> LeafIndex {
        LeafIndex::new(index).unwrap()
    }

    /// Entries 3 and 4.
    fn staged() -> Staged {
        let entry = |leaf: &'static [u8]| RecordEntry::new(Bytes::from_static(leaf), None);
        let before = stage(
            &Edge::new(),
            LogId(0),
            0,
            [b"0", b"1", b"2"].map(|leaf| entry(leaf)).into(),
        );
        stage(&before.edge, LogId(0), 0, vec![entry(b"3"), entry(b"4")])
    }

    #[test]
    fn terms_are_sorted_and_each_is_one_row() {
        let (a, b) = (Term::from_bytes([1; 16]), Term::from_bytes([2; 16]));
        let given = [(b, at(3)), (a, at(4)), (b, at(3)), (a, at(3))];
        let staged = staged().with_terms([(b, at(4))]).unwrap();
        let staged = staged.with_terms(given).unwrap();
        assert_eq!(staged.rows.terms, [(a, at(3)), (a, at(4)), (b, at(3))]);
        let again = Record::decode(&staged.record.encode()).unwrap();
        assert_eq!(again, staged.record, "terms are not part of it");
    }

    #[test]
    fn documents_are_of_the_own_entries_that_have_an_envelope() {
        let body = EnvelopeRef::inline(Bytes::from_static(b"envelope"));
        let entry = |leaf, envelope| RecordEntry::new(Bytes::from_static(leaf), envelope);
        let entries = vec![
            entry(b"a", Some(body.clone())),
            entry(b"b", None),
            entry(b"c", Some(body.clone())),
        ];
        let staged = stage(&staged().edge, LogId(7), 0, entries);
        let [one, two] = [b"1", b"2"].map(|bytes| Gitoid::of(bytes));
        let with = |given: &[_]| staged.clone().with_documents(given.iter().copied());
        let row = |gitoid, index| Attached {
            gitoid,
            envelope_sha256: body.sha256(),
            log: LogId(7),
            index,
        };
        let rows = |given: &[_]| with(given).map(|staged| staged.rows.documents);
        let given = [(one, at(7)), (one, at(5)), (one, at(7))];
        assert_eq!(rows(&given), Ok(vec![row(one, at(5)), row(one, at(7))]));
        let again = with(&given).and_then(|staged| staged.with_documents([(two, at(7))]));
        assert_eq!(
            again.map(|staged| staged.rows.documents),
            Ok(vec![row(two, at(7))])
        );
        let (first, size) = (at(5), at(8).as_size_before());
        for index in [at(4), at(8)] {
            let error = DocumentsError::Outside { index, first, size };
            assert_eq!(rows(&[(one, index)]), Err(error));
        }
        let error = DocumentsError::NoEnvelope { index: at(6) };
        assert_eq!(rows(&[(one, at(6))]), Err(error));
        let error = DocumentsError::Second { index: at(5) };
        assert_eq!(rows(&[(one, at(5)), (two, at(5))]), Err(error));
    }

    #[test]
    fn only_a_bounded_number_of_terms_of_the_own_entries_is_taken() {
        let term = Term::from_bytes([1; 16]);
        let (first, size) = (at(3), at(5).as_size_before());
        for index in [at(2), at(5)] {
            let error = staged().with_terms([(term, index)]).unwrap_err();
            assert_eq!(error, TermsError::Outside { index, first, size });
        }
        let many = |count| std::iter::repeat_n((term, at(4)), count);
        assert_eq!(
            staged().with_terms(many(TERMS_MAX)).unwrap().rows.terms,
            [(term, at(4))]
        );
        let error = staged().with_terms(many(TERMS_MAX + 1)).unwrap_err();
        assert_eq!(error, TermsError::TooMany { limit: TERMS_MAX });
    }
}
