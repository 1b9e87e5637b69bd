//! Clocks: what the log and its witnesses signed, and what others say the time is.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use treering_tlog::checkpoint::Opened;
use treering_tlog::note::VerifierKey;

use treering_client::LogKey;

use super::round::Round;
use super::{Shared, TileLog};
use crate::clock::Time;
use crate::evidence::{Seen, recorded};
use crate::findings::{Finding, Kind};
use crate::judge::{self, ClockVerdict};

/// How old a reading of another clock may be, in seconds.
const RECENT: u64 = 3600;
/// What begins an extension line with a time, in nanoseconds since the Unix epoch: Rekor v1 writes it.
const TIMESTAMP: &str = "Timestamp: ";

/// Other parties' clocks: how far each was from ours when it was heard last.
#[derive(Debug, Default)]
pub struct Clocks {
    heard: Mutex<BTreeMap<String, (u64, Time)>>,
}

impl Clocks {
    /// Takes the time that a party said, in seconds since the Unix epoch, and when it said so by our clock.
    pub fn heard(&self, party: &str, secs: u64, now: Time) {
        let host = reqwest::Url::parse(party).ok().and_then(|url| {
            Some(format!(
                "{}:{}",
                url.host_str()?,
                url.port_or_known_default()?
            ))
        });
        let party = host.unwrap_or_else(|| party.to_owned());
        self.heard.lock().insert(party, (secs, now));
    }

    /// What the others' clocks would say now, but for one party's.
    pub fn others(&self, except: &str, now: Time) -> Vec<Time> {
        let heard = self.heard.lock();
        let recent = heard
            .iter()
            .filter(|(party, (_, at))| *party != except && now.since(*at).as_secs() <= RECENT);
        recent
            .map(|(_, (secs, at))| Time::from_secs(*secs).plus(now.since(*at)))
            .collect()
    }
}

/// A time that somebody signed.
struct Signed {
    who: String,
    at: Time,
    witness: bool,
}

/// What is signed in a log's checkpoints beside the tree: times, and cosignatures.
pub(super) struct Signatures<'a> {
    pub(super) shared: &'a Shared,
    pub(super) key: &'a LogKey,
    pub(super) origin: &'a str,
    /// Where the checkpoints come from.
    pub(super) source: &'a str,
}

impl TileLog {
    pub(super) fn signatures(&self) -> Signatures<'_> {
        Signatures {
            shared: &self.shared,
            key: &self.key,
            origin: &self.row.origin,
            source: self.source.url(),
        }
    }
}

impl Signatures<'_> {
    /// Judges the times that are signed in a checkpoint, and our own clock.
    pub(super) fn times(&self, round: &mut Round, opened: &Opened) {
        let signed = self.signed_times(opened);
        for time in signed.iter().filter(|time| time.witness) {
            self.shared
                .clocks
                .heard(&time.who, time.at.secs(), round.now);
        }
        let limits = &self.shared.limits;
        let everybody = self.shared.clocks.others("", round.now);
        if judge::own_clock_in_doubt(round.now, &everybody, limits) {
            let finding = Finding::of_log(Kind::ClockUnsure, self.origin, "own");
            round.raise(finding.saying(
                "most other clocks contradict the monitor's; nobody is accused of a wrong time",
                format!("clocks near {} ms after 1970", round.now.millis()),
                format!("{} other clocks", everybody.len()),
            ));
            return;
        }
        for time in signed {
            let others = self.shared.clocks.others(&time.who, round.now);
            let verdict = judge::clock(time.at, round.now, &others, limits);
            let kind = match (verdict, time.witness) {
                (ClockVerdict::Fine, _) => continue,
                (ClockVerdict::Unsure, _) => Kind::ClockUnsure,
                (ClockVerdict::Signer, true) => Kind::WitnessInvalid,
                (ClockVerdict::Signer, false) => Kind::LogClock,
            };
            let grouping = format!("time of {}", time.who);
            let finding = Finding::of_log(kind, self.origin, grouping).saying(
                format!("{} signed a time that has not come yet", time.who),
                format!(
                    "at most {} ms after 1970",
                    round.now.plus(limits.skew).millis()
                ),
                format!("{} ms after 1970", time.at.millis()),
            );
            let seen = Seen {
                at: round.now,
                source: self.source,
                bodies: &[],
            };
            let notes = vec![opened.text().to_owned()];
            let evidence = recorded(&finding, self.key.key(), notes, seen);
            match verdict {
                ClockVerdict::Signer => round.raise(finding.showing(evidence)),
                _ => round.raise(finding),
            }
        }
    }

    /// The newest time that is signed in a checkpoint.
    pub(super) fn newest(&self, opened: &Opened) -> Option<Time> {
        self.signed_times(opened).iter().map(|time| time.at).max()
    }

    fn signed_times(&self, opened: &Opened) -> Vec<Signed> {
        let stated = opened.checkpoint().extensions.iter().filter_map(|line| {
            let nanos: u64 = line.strip_prefix(TIMESTAMP)?.parse().ok()?;
            Some(Signed {
                who: self.origin.to_owned(),
                at: Time::from_millis(nanos / 1_000_000),
                witness: false,
            })
        });
        let witnesses = self
            .shared
            .policy
            .iter()
            .flat_map(|policy| policy.witnesses());
        let cosigned = witnesses.filter_map(|witness| {
            Some(Signed {
                who: witness.key.name().to_string(),
                at: Time::from_secs(cosigned_at(opened, &witness.key)?),
                witness: true,
            })
        });
        stated.chain(cosigned).collect()
    }

    /// Whether the policy's witnesses have cosigned. What a witness signed wrongly is raised; a quorum that is not met is
    /// suspected, and the checkpoint is not taken.
    pub(super) fn witnessed(&self, round: &mut Round, opened: &Opened) -> bool {
        let Some(policy) = &self.shared.policy else {
            return true;
        };
        let show = |finding: &Finding| {
            let seen = Seen {
                at: round.now,
                source: self.source,
                bodies: &[],
            };
            recorded(
                finding,
                self.key.key(),
                vec![opened.text().to_owned()],
                seen,
            )
        };
        let witnesses = policy.witnesses();
        let valid: Vec<bool> = witnesses
            .iter()
            .map(|witness| cosigned_at(opened, &witness.key).is_some())
            .collect();
        let mut wrong = Vec::new();
        for (witness, valid) in witnesses.iter().zip(&valid) {
            let key = &witness.key;
            let mut lines = opened.note().signatures().iter();
            if *valid || !lines.any(|line| line.name() == key.name() && line.id() == key.id()) {
                continue;
            }
            let finding = Finding::of_log(Kind::WitnessInvalid, self.origin, key.name().as_str())
                .saying(
                    "a checkpoint carries a cosignature that does not verify",
                    format!("a cosignature that {key} verifies, or none"),
                    format!("a wrong one at size {}", opened.checkpoint().size),
                );
            let evidence = show(&finding);
            wrong.push(finding.showing(evidence));
        }
        let met = policy.is_satisfied(|at| valid.get(at).copied().unwrap_or_default());
        let lost = (!met).then(|| {
            let count = valid.iter().filter(|valid| **valid).count();
            let finding = Finding::of_log(Kind::WitnessQuorumLost, self.origin, "quorum").saying(
                "the log's checkpoint does not carry the cosignatures that the policy asks for",
                "the policy's quorum",
                format!(
                    "{count} valid cosignatures of {} witnesses",
                    witnesses.len()
                ),
            );
            let evidence = show(&finding);
            finding.showing(evidence)
        });
        wrong.into_iter().for_each(|finding| round.raise(finding));
        if let Some(lost) = lost {
            round.suspect(lost);
        }
        met
    }
}

fn cosigned_at(opened: &Opened, witness: &VerifierKey) -> Option<u64> {
    let verified = opened.note().verify(std::slice::from_ref(witness)).ok()?;
    verified.by(witness)?.timestamp
}
