//! The requests: made from, and read into, the arguments of [`crate::Log`].

use treering_tlog::{Hash, LeafIndex, TreeSize};

use super::fields::{hash, hash_bytes, index, log_name, present, size};
use super::pb;
use crate::log::{EntryId, LogName, Submission, Wait};
use crate::reject::Reject;

impl pb::SubmitRequest {
    /// The request for one submission.
    #[must_use]
    pub fn new(log: Option<&LogName>, submission: Submission) -> Self {
        let Submission {
            envelope,
            verifiers,
        } = submission;
        Self {
            log: log.map(LogName::to_string),
            envelope,
            verifiers,
            wait: None,
        }
    }

    /// What the answer waits for.
    ///
    /// # Errors
    /// `Malformed` for a word that means nothing.
    pub fn waits_for(&self) -> Result<Wait, Reject> {
        Wait::parse(self.wait.as_deref())
    }

    /// The log and the submission.
    ///
    /// # Errors
    /// `Malformed` for a name that no log can have.
    pub fn read(self) -> Result<(Option<LogName>, Submission), Reject> {
        let log = log_name(self.log.as_deref())?;
        Ok((
            log,
            Submission {
                envelope: self.envelope,
                verifiers: self.verifiers,
            },
        ))
    }
}

impl pb::SubmitBatchRequest {
    /// The request for several submissions.
    #[must_use]
    pub fn new(log: Option<&LogName>, submissions: Vec<Submission>) -> Self {
        let entries = submissions
            .into_iter()
            .map(
                |Submission {
                     envelope,
                     verifiers,
                 }| pb::BatchEntry {
                    envelope,
                    verifiers,
                },
            )
            .collect();
        Self {
            log: log.map(LogName::to_string),
            entries,
            wait: None,
        }
    }

    /// What the answer waits for.
    ///
    /// # Errors
    /// `Malformed` for a word that means nothing.
    pub fn waits_for(&self) -> Result<Wait, Reject> {
        Wait::parse(self.wait.as_deref())
    }

    /// The log and the submissions.
    ///
    /// # Errors
    /// `Malformed` for a name that no log can have.
    pub fn read(self) -> Result<(Option<LogName>, Vec<Submission>), Reject> {
        let log = log_name(self.log.as_deref())?;
        let submissions = self
            .entries
            .into_iter()
            .map(
                |pb::BatchEntry {
                     envelope,
                     verifiers,
                 }| Submission {
                    envelope,
                    verifiers,
                },
            )
            .collect();
        Ok((log, submissions))
    }
}

impl pb::GetEntryRequest {
    /// The request for an entry.
    #[must_use]
    pub fn new(log: Option<&LogName>, id: EntryId, size: Option<TreeSize>) -> Self {
        let id = match id {
            EntryId::Index(index) => pb::get_entry_request::Id::Index(index.get()),
            EntryId::LeafHash(hash) => pb::get_entry_request::Id::LeafHash(hash_bytes(&hash)),
        };
        Self {
            log: log.map(LogName::to_string),
            id: Some(id),
            size: size.map(TreeSize::get),
        }
    }

    /// The log, the entry and the size.
    ///
    /// # Errors
    /// `Malformed` for a value out of range, or if no entry is named.
    pub fn read(self) -> Result<(Option<LogName>, EntryId, Option<TreeSize>), Reject> {
        let id = match present("index or leaf_hash", self.id)? {
            pb::get_entry_request::Id::Index(number) => EntryId::Index(index("index", number)?),
            pb::get_entry_request::Id::LeafHash(bytes) => {
                EntryId::LeafHash(hash("leaf_hash", &bytes)?)
            }
        };
        Ok((
            log_name(self.log.as_deref())?,
            id,
            self.size.map(|number| size("size", number)).transpose()?,
        ))
    }
}

impl pb::GetConsistencyRequest {
    /// The request for a consistency proof.
    #[must_use]
    pub fn new(log: Option<&LogName>, from: TreeSize, to: Option<TreeSize>) -> Self {
        Self {
            log: log.map(LogName::to_string),
            from: from.get(),
            to: to.map(TreeSize::get),
        }
    }

    /// The log and the two sizes.
    ///
    /// # Errors
    /// `Malformed` for a value out of range.
    pub fn read(self) -> Result<(Option<LogName>, TreeSize, Option<TreeSize>), Reject> {
        let to = self.to.map(|number| size("to", number)).transpose()?;
        Ok((log_name(self.log.as_deref())?, size("from", self.from)?, to))
    }
}

impl pb::GetCheckpointRequest {
    /// The request for a checkpoint.
    #[must_use]
    pub fn new(log: Option<&LogName>, covers: Option<LeafIndex>) -> Self {
        Self {
            log: log.map(LogName::to_string),
            covers: covers.map(LeafIndex::get),
            cosigned: false,
        }
    }

    /// The log, and the index to wait for.
    ///
    /// # Errors
    /// `Malformed` for a value out of range.
    pub fn read(self) -> Result<(Option<LogName>, Option<LeafIndex>), Reject> {
        let covers = self
            .covers
            .map(|number| index("covers", number))
            .transpose()?;
        Ok((log_name(self.log.as_deref())?, covers))
    }
}

impl pb::TailRequest {
    /// The request for a tail.
    #[must_use]
    pub fn new(log: Option<&LogName>, from: LeafIndex) -> Self {
        Self {
            log: log.map(LogName::to_string),
            from: from.get(),
        }
    }

    /// The log, and the index to begin at.
    ///
    /// # Errors
    /// `Malformed` for a value out of range.
    pub fn read(self) -> Result<(Option<LogName>, LeafIndex), Reject> {
        Ok((log_name(self.log.as_deref())?, index("from", self.from)?))
    }
}

impl pb::GetEnvelopeRequest {
    /// The request for an envelope.
    #[must_use]
    pub fn new(sha256: &Hash) -> Self {
        Self {
            sha256: hash_bytes(sha256),
        }
    }

    /// The address.
    ///
    /// # Errors
    /// `Malformed` if it is not 32 bytes.
    pub fn read(self) -> Result<Hash, Reject> {
        hash("sha256", &self.sha256)
    }
}
