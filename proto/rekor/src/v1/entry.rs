//! Leaves as readers see them, one type a kind, and their bytes: JCS of `{apiVersion, kind, spec}`.
//!
//! The members of all types stand in the order of their names, and serde writes strings as JCS does, so what it writes is
//! canonical; tests hold it to the output of a JCS library.

use serde::{Deserialize, Serialize};
use treering_attest::DigestAlgorithm;
use treering_tlog::entry_bundle::MAX_LEAF_LEN;

use super::{cose, dsse, hashedrekord, helm, intoto_v001, intoto_v002, rekord, rfc3161, tuf};

/// A parsed leaf. Parsing checks the form; its signatures were checked by the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `hashedrekord 0.0.1`
    HashedRekord(hashedrekord::Spec),
    /// `dsse 0.0.1`
    Dsse(dsse::Spec),
    /// `intoto 0.0.1`
    IntotoV001(intoto_v001::Spec),
    /// `intoto 0.0.2`
    IntotoV002(intoto_v002::Spec),
    /// `rekord 0.0.1`
    Rekord(rekord::Spec),
    /// `rfc3161 0.0.1`
    Rfc3161(rfc3161::Spec),
    /// `cose 0.0.1`
    Cose(cose::Spec),
    /// `helm 0.0.1`
    Helm(helm::Spec),
    /// `tuf 0.0.1`
    Tuf(tuf::Spec),
}

/// A digest in a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashValue {
    /// Its algorithm: `sha256`, `sha384`, `sha512`.
    pub algorithm: String,
    /// Hexadecimal digits, of hashedrekord in the case they were submitted in, of `intoto 0.0.2` whatever the client said.
    pub value: String,
}

/// Why bytes are no leaf that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Longer than a leaf can be.
    #[error("expected an entry of at most {MAX_LEAF_LEN} bytes, found {found}")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not JSON of this shape.
    #[error("expected an entry of rekor v1, found {found}")]
    Json {
        /// What the parser says.
        found: String,
    },
    /// A kind or version that is not known here.
    #[error("expected a kind that is known, found {kind} {version}")]
    Kind {
        /// The kind, shortened.
        kind: String,
        /// The version, shortened.
        version: String,
    },
    /// The right members, in other bytes than the canonical ones.
    #[error("expected the canonical bytes of the entry, found other bytes of the same meaning")]
    NotCanonical,
}

impl Entry {
    /// Parses a leaf. Strict: [`encode`](Self::encode) of the result is the same bytes.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(leaf: &[u8]) -> Result<Self, EntryError> {
        if leaf.len() > MAX_LEAF_LEN {
            return Err(EntryError::TooLong { found: leaf.len() });
        }
        let head: Head = parse(leaf)?;
        let entry = match (head.kind.as_str(), head.api_version.as_str()) {
            (hashedrekord::KIND, "0.0.1") => Self::HashedRekord(spec(leaf)?),
            (dsse::KIND, "0.0.1") => Self::Dsse(spec(leaf)?),
            (intoto_v001::KIND, "0.0.1") => Self::IntotoV001(spec(leaf)?),
            (intoto_v001::KIND, "0.0.2") => Self::IntotoV002(spec(leaf)?),
            (rekord::KIND, "0.0.1") => Self::Rekord(spec(leaf)?),
            (rfc3161::KIND, "0.0.1") => Self::Rfc3161(spec(leaf)?),
            (cose::KIND, "0.0.1") => Self::Cose(spec(leaf)?),
            (helm::KIND, "0.0.1") => Self::Helm(spec(leaf)?),
            (tuf::KIND, "0.0.1") => Self::Tuf(spec(leaf)?),
            (kind, version) => {
                return Err(EntryError::Kind {
                    kind: kind.chars().take(64).collect(),
                    version: version.chars().take(64).collect(),
                });
            }
        };
        if entry.encode() == leaf {
            Ok(entry)
        } else {
            Err(EntryError::NotCanonical)
        }
    }

    /// The leaf's bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::HashedRekord(spec) => self.write(spec),
            Self::Dsse(spec) => self.write(spec),
            Self::IntotoV001(spec) => self.write(spec),
            Self::IntotoV002(spec) => self.write(spec),
            Self::Rekord(spec) => self.write(spec),
            Self::Rfc3161(spec) => self.write(spec),
            Self::Cose(spec) => self.write(spec),
            Self::Helm(spec) => self.write(spec),
            Self::Tuf(spec) => self.write(spec),
        }
    }

    fn write<S: Serialize>(&self, spec: &S) -> Vec<u8> {
        let leaf = Leaf {
            api_version: self.version(),
            kind: self.kind(),
            spec,
        };
        serde_json::to_vec(&leaf).expect("strings in structs can always be written")
    }

    /// `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::HashedRekord(_) => hashedrekord::KIND,
            Self::Dsse(_) => dsse::KIND,
            Self::IntotoV001(_) | Self::IntotoV002(_) => intoto_v001::KIND,
            Self::Rekord(_) => rekord::KIND,
            Self::Rfc3161(_) => rfc3161::KIND,
            Self::Cose(_) => cose::KIND,
            Self::Helm(_) => helm::KIND,
            Self::Tuf(_) => tuf::KIND,
        }
    }

    /// `apiVersion`.
    pub fn version(&self) -> &'static str {
        match self {
            Self::HashedRekord(_)
            | Self::Dsse(_)
            | Self::IntotoV001(_)
            | Self::Rekord(_)
            | Self::Rfc3161(_)
            | Self::Cose(_)
            | Self::Helm(_)
            | Self::Tuf(_) => "0.0.1",
            Self::IntotoV002(_) => "0.0.2",
        }
    }
}

impl HashValue {
    pub(super) fn sha256(hex: String) -> Self {
        Self {
            algorithm: DigestAlgorithm::Sha256.name().to_owned(),
            value: hex,
        }
    }

    /// `algorithm:value` in lower case, as entries are found by.
    pub(super) fn index_key(&self) -> String {
        format!("{}:{}", self.algorithm, self.value).to_ascii_lowercase()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Leaf<'a, S> {
    api_version: &'static str,
    kind: &'static str,
    spec: &'a S,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
}

#[derive(Deserialize)]
struct Body<S> {
    spec: S,
}

fn spec<'a, S: Deserialize<'a>>(leaf: &'a [u8]) -> Result<S, EntryError> {
    parse::<Body<S>>(leaf).map(|body| body.spec)
}

fn parse<'a, T: Deserialize<'a>>(leaf: &'a [u8]) -> Result<T, EntryError> {
    treering_attest::json::parse(leaf).map_err(|found| EntryError::Json { found })
}
