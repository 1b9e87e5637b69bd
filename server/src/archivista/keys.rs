//! The keys that the operator names: they verify whatever else the logs hold, and only they go by key ids of free text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use treering_attest::limits::{MAX_CHAIN, MAX_KEY};
use treering_attest::{KeyAliases, KeyDigest, VerifierMaterial};

use crate::config::KeyFile;

/// The keys of the settings.
#[derive(Debug, Default)]
pub struct KnownKeys(Vec<KnownKey>);

#[derive(Debug)]
struct KnownKey {
    material: VerifierMaterial,
    aliases: KeyAliases,
    key_ids: Vec<String>,
}

impl KnownKeys {
    /// Reads them; names are relative to the data directory.
    ///
    /// # Errors
    /// Which file cannot be read or is no key, and why: text for the operator.
    pub fn load(dir: &Path, files: &[KeyFile]) -> Result<Self, String> {
        files
            .iter()
            .map(|key| KnownKey::load(dir, key))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Those that go by a key id of free text.
    pub(super) fn named(&self, key_id: &str) -> impl Iterator<Item = &VerifierMaterial> {
        let named = self
            .0
            .iter()
            .filter(move |key| key.key_ids.iter().any(|known| known == key_id));
        named.map(|key| &key.material)
    }

    /// The one that goes by that digest.
    pub(super) fn by_digest(&self, digest: &KeyDigest) -> Option<&VerifierMaterial> {
        let known = self.0.iter().find(|key| key.aliases.contains(digest));
        known.map(|key| &key.material)
    }

    /// All.
    pub(super) fn all(&self) -> impl Iterator<Item = &VerifierMaterial> {
        self.0.iter().map(|key| &key.material)
    }
}

impl KnownKey {
    fn load(dir: &Path, key: &KeyFile) -> Result<Self, String> {
        let path = dir.join(&key.file);
        let refused = |reason: String| format!("archivista key {}: {reason}", path.display());
        let bytes = read(&path).map_err(|error| refused(error.to_string()))?;
        let material = VerifierMaterial::from_pem_or_der(&bytes);
        let material = material.map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            aliases: KeyAliases::of(material.key()),
            material,
            key_ids: key.key_ids.clone(),
        })
    }
}

/// As much of a file as a key can have, and a byte more, which its parser refuses.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let most = MAX_CHAIN * MAX_KEY + 1;
    let mut bytes = Vec::new();
    File::open(path)?
        .take(u64::try_from(most).unwrap_or(u64::MAX))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
