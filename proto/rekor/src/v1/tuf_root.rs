//! A root of TUF: which keys of which roles must have signed, and whether they have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::refused::RefusedEntry;
use super::tuf_key::Key;
use super::tuf_metadata::{Metadata, integer, list, malformed, member};

const ROOT: &str = "root";
const TOP_LEVEL: [&str; 4] = [ROOT, "targets", "snapshot", "timestamp"];
/// Keys of a root.
const MAX_KEYS: usize = 256;

/// A root that its own keys have signed.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) metadata: Metadata,
    keys: BTreeMap<String, Key>,
    roles: BTreeMap<String, Role>,
}

#[derive(Clone, Debug)]
struct Role {
    keys: BTreeSet<String>,
    threshold: u64,
}

impl Root {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RefusedEntry> {
        let metadata = Metadata::parse(bytes)?;
        if !matches!(
            member(&metadata.signed, "consistent_snapshot")?,
            Value::Null | Value::Bool(_)
        ) {
            return Err(malformed("true or false for consistent_snapshot"));
        }
        let keys = members(&metadata.signed, "keys")?;
        if keys.len() > MAX_KEYS {
            return Err(malformed("at most 256 keys"));
        }
        let keys = keys
            .into_iter()
            .map(|(id, key)| Ok((id.clone(), Key::parse(key)?)))
            .collect::<Result<_, RefusedEntry>>()?;
        let roles = members(&metadata.signed, "roles")?
            .into_iter()
            .map(|(name, role)| Ok((name.clone(), Role::parse(role)?)))
            .collect::<Result<_, RefusedEntry>>()?;
        let root = Self {
            keys,
            roles,
            metadata,
        };
        root.check(&root.metadata, ROOT)?;
        Ok(root)
    }

    /// Whether enough keys of its role have signed a document.
    pub(super) fn verify(&self, metadata: &Metadata) -> Result<(), RefusedEntry> {
        self.check(metadata, &metadata.role)
    }

    fn check(&self, metadata: &Metadata, role: &str) -> Result<(), RefusedEntry> {
        if metadata.signatures.is_empty() {
            return Err(malformed("a signature"));
        }
        let signers = self
            .roles
            .get(role)
            .ok_or_else(|| malformed("a role that the root knows"))?;
        let found = self.count(signers, metadata)?;
        if u64::try_from(found).unwrap_or(u64::MAX) < signers.threshold {
            return Err(RefusedEntry::TufThreshold {
                role: role.chars().take(64).collect(),
                threshold: signers.threshold,
                found,
            });
        }
        // Roles of other names are delegated, and sign targets alone.
        let expected = if TOP_LEVEL.contains(&role) {
            role
        } else {
            "targets"
        };
        if !metadata.role.eq_ignore_ascii_case(expected) {
            return Err(malformed("the type of its role"));
        }
        if metadata.version < 0 {
            return Err(malformed("a version that is not negative"));
        }
        Ok(())
    }

    /// Different keys of a role whose signatures verify.
    fn count(&self, role: &Role, metadata: &Metadata) -> Result<usize, RefusedEntry> {
        let message = metadata.message()?;
        let mut signers = BTreeSet::new();
        for signature in &metadata.signatures {
            let known = role.keys.contains(&signature.key);
            let key = self.keys.get(&signature.key).filter(|_| known);
            if let Some(key) = key.filter(|key| key.verifies(&message, &signature.bytes)) {
                signers.insert(key.identity());
            }
        }
        Ok(signers.len())
    }
}

impl Role {
    fn parse(json: &Value) -> Result<Self, RefusedEntry> {
        let ids = list(json, "keyids")?.iter().map(|id| {
            let id = id
                .as_str()
                .ok_or_else(|| malformed("texts in their places"))?;
            Ok(id.to_owned())
        });
        let threshold = u64::try_from(integer(json, "threshold")?);
        Ok(Self {
            keys: ids.collect::<Result<_, RefusedEntry>>()?,
            threshold: threshold
                .ok()
                .filter(|&threshold| threshold > 0)
                .ok_or_else(|| malformed("thresholds of at least 1"))?,
        })
    }
}

/// The members of a member that is an object, or absent and empty.
fn members<'a>(
    object: &'a Value,
    name: &str,
) -> Result<Vec<(&'a String, &'a Value)>, RefusedEntry> {
    match member(object, name)? {
        Value::Null => Ok(Vec::new()),
        Value::Object(members) => Ok(members.iter().collect()),
        _ => Err(malformed("objects in their places")),
    }
}
