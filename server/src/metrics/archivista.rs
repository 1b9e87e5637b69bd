//! What is counted of uploads and of envelopes that are held.

use prometheus::{IntCounter, IntGauge, Registry};

use super::{level, make, wide};

/// What became of an upload, as the label `outcome` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// Logged as an entry of its own.
    Logged,
    /// Attached to an entry that was there.
    Attached,
    /// Held until its keys are known.
    Held,
    /// The same bytes were there.
    Known,
    /// Refused for what it is.
    Refused,
    /// Not taken for want of room, or by a fault of the server.
    Failed,
}

impl UploadOutcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Logged,
        Self::Attached,
        Self::Held,
        Self::Known,
        Self::Refused,
        Self::Failed,
    ];

    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Attached => "attached",
            Self::Held => "held",
            Self::Known => "known",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What Archivista's door counts.
pub struct ArchivistaMetrics {
    /// By the position of the outcome in its list.
    uploads: [IntCounter; UploadOutcome::ALL.len()],
    held: IntGauge,
    held_bytes: IntGauge,
    promoted: IntCounter,
    joined: IntCounter,
    expired: IntCounter,
}

impl ArchivistaMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let uploads = make::counters(
            registry,
            "treering_archivista_uploads_total",
            "uploads by what became of them",
            &["outcome"],
        );
        let counter = |name, help| make::counter(registry, name, help);
        Self {
            uploads: UploadOutcome::ALL
                .map(|outcome| uploads.with_label_values(&[outcome.label()])),
            held: make::gauge(
                registry,
                "treering_archivista_held_envelopes",
                "envelopes that wait for their keys",
            ),
            held_bytes: make::gauge(
                registry,
                "treering_archivista_held_bytes",
                "bytes of envelopes that wait for their keys",
            ),
            promoted: counter(
                "treering_archivista_promoted_total",
                "held envelopes that were logged or attached",
            ),
            joined: counter(
                "treering_archivista_joined_total",
                "envelopes attached to entries of the same payload and signature",
            ),
            expired: counter(
                "treering_archivista_expired_total",
                "held envelopes whose keys did not come in time",
            ),
        }
    }

    /// That became of an upload.
    pub fn uploaded(&self, outcome: UploadOutcome) {
        if let Some(counter) = self.uploads.get(outcome as usize) {
            counter.inc();
        }
    }

    /// So many envelopes of so many bytes together are held.
    pub fn set_held(&self, envelopes: usize, bytes: u64) {
        self.held.set(level(wide(envelopes)));
        self.held_bytes.set(level(bytes));
    }

    /// A held envelope became an entry, or belongs to one.
    pub fn promoted(&self) {
        self.promoted.inc();
    }

    /// An envelope was attached to an entry of the same payload and signature.
    pub fn joined(&self) {
        self.joined.inc();
    }

    /// A held envelope was given up.
    pub fn expired(&self) {
        self.expired.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::UploadOutcome;

    #[test]
    fn positions_are_those_of_the_list() {
        for (position, outcome) in UploadOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, position, "{}", outcome.label());
        }
    }
}
