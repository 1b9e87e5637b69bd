//! Trust policies: c2sp.org/tlog-policy, which logs and witnesses there are and whose cosignatures are enough.
//!
//! ```
//! use treering_tlog::policy::Policy;
//!
//! let policy = Policy::parse(
//!     b"witness one witness.test/w1+36a2e55d+BKL6L0o1W6LpB6UwCenjfK3fesfmagi6B2MfVTBys/JM https://w1.test\nquorum one\n",
//! )?;
//! assert!(policy.is_satisfied(|witness| witness == 0));
//! assert!(!policy.is_satisfied(|_| false));
//! # Ok::<(), treering_tlog::policy::PolicyError>(())
//! ```
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod parse;

use std::fmt;

pub use parse::PolicyError;

use crate::note::VerifierKey;

/// The longest policy that is read, in bytes.
pub const MAX_POLICY_LEN: usize = 256 * 1024;
/// The most logs, the most witnesses and the most groups of a policy; the specification asks for 32 of each.
pub const MAX_ITEMS: usize = 256;
/// The word for a quorum that needs nobody.
const NONE: &[u8] = b"none";

/// A name or URL of a policy: bytes that mean nothing but themselves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(Vec<u8>);

impl Octets {
    /// The bytes: at least one, none of them white space or a control character.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a text, if they are UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

/// The text; where the bytes are not UTF-8, those beyond ASCII as `\xff`.
impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) => f.write_str(text),
            None => self.0.escape_ascii().fmt(f),
        }
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A log whose checkpoints are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key, whose name is the log's origin.
    pub key: VerifierKey,
    /// Where it is.
    pub url: Option<Octets>,
}

/// A witness whose cosignatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls it.
    pub name: Octets,
    /// Its key. One that was given as type 0x01 stands here as 0x04, with the key id that follows; one of a type
    /// that is not known here is kept, and nothing ever verifies with it.
    pub key: VerifierKey,
    /// Where it takes checkpoints.
    pub url: Option<Octets>,
}

/// What a group is made of, and what a quorum may be: positions in the lists of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A witness.
    Witness(usize),
    /// A group.
    Group(usize),
}

/// So many of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What the policy calls it.
    pub name: Octets,
    /// How many members are enough: from 1 to their number.
    pub threshold: usize,
    /// Witnesses, and groups that stand before this one.
    pub members: Vec<Member>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

impl Policy {
    /// The logs; none where the reader knows them from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, those that the quorum does not need among them.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The groups, each after those that it is made of.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Who has to cosign; `None` if nobody has to.
    #[must_use]
    pub const fn quorum(&self) -> Option<Member> {
        self.quorum
    }

    /// Whether it is enough that those witnesses cosigned, told by their positions.
    #[must_use]
    pub fn is_satisfied(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        let Some(quorum) = self.quorum else {
            return true;
        };
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let holds = |groups: &[bool], member: Member| match member {
            Member::Witness(position) => cosigned(position),
            Member::Group(position) => groups.get(position).copied().unwrap_or(false),
        };
        // In their order, so that nested ones take no recursion.
        for group in &self.groups {
            let members = group.members.iter();
            let count = members.filter(|member| holds(&groups, **member)).count();
            groups.push(count >= group.threshold);
        }
        holds(&groups, quorum)
    }

    /// The policy in one way of writing it, which [`Policy::parse`] reads as the same: thresholds as numbers, keys
    /// of witnesses as type 0x04, no comments.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for PolicyLog { key, url } in &self.logs {
            line(
                &mut text,
                &[b"log", key.to_string().as_bytes()],
                url.as_ref(),
            );
        }
        for PolicyWitness { name, key, url } in &self.witnesses {
            let key = key.to_string();
            line(
                &mut text,
                &[b"witness", name.as_bytes(), key.as_bytes()],
                url.as_ref(),
            );
        }
        for group in &self.groups {
            let threshold = group.threshold.to_string();
            let mut fields = vec![
                b"group".as_slice(),
                group.name.as_bytes(),
                threshold.as_bytes(),
            ];
            fields.extend(group.members.iter().map(|member| self.name_of(*member)));
            line(&mut text, &fields, None);
        }
        let quorum = self.quorum.map_or(NONE, |member| self.name_of(member));
        line(&mut text, &[b"quorum", quorum], None);
        text
    }

    fn name_of(&self, member: Member) -> &[u8] {
        let name = match member {
            Member::Witness(position) => self.witnesses.get(position).map(|found| &found.name),
            Member::Group(position) => self.groups.get(position).map(|found| &found.name),
        };
        // Only `parse` makes members, and only of what it has read.
        name.map_or(NONE, Octets::as_bytes)
    }
}

fn line(text: &mut Vec<u8>, fields: &[&[u8]], url: Option<&Octets>) {
    let url = url.map(Octets::as_bytes);
    let fields: Vec<&[u8]> = fields.iter().copied().chain(url).collect();
    text.extend(fields.join(b" ".as_slice()));
    text.push(b'\n');
}

#[cfg(test)]
mod tests;
