//! `SearchIndex`, the body of `POST /api/v1/index/retrieve`: what to find entries by.

use super::base64;
use super::detached::Key;
use super::json::{self, Object, Text, object};
use super::refused::RefusedEntry;
use super::rejected::Rejected;
use super::schema::{SchemaError, SchemaErrors};
use super::tuf;
use super::verifier::Keys;

/// Characters of a subject.
pub(super) const MAX_SUBJECT: usize = 512;

const HASH: &str =
    "^(sha512:)?[0-9a-fA-F]{128}$|^(sha256:)?[0-9a-fA-F]{64}$|^(sha1:)?[0-9a-fA-F]{40}$";
const FORMATS: [&str; 5] = ["pgp", "x509", "minisign", "ssh", "tuf"];

/// What to find entries by, as [`index_keys`](super::index_keys) writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchIndex {
    /// In lower case. None: nothing is found.
    pub keys: Vec<String>,
    /// How they are joined.
    pub operator: Operator,
}

/// How several conditions are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Entries that have one of the keys.
    #[default]
    Or,
    /// Entries that have all of them.
    And,
}

object! {
    SearchJson<'a> Folded {
        "email" => email: Text<'a>,
        "subject" => subject: Text<'a>,
        "hash" => hash: Text<'a>,
        "publicKey" => key: Object<KeyJson<'a>>,
        "operator" => operator: Text<'a>,
    }
}

object! {
    KeyJson<'a> Folded { "format" => format: Text<'a>, "content" => content: Text<'a>, }
}

struct Query {
    email: String,
    subject: String,
    hash: String,
    key: Option<(Option<String>, Vec<u8>)>,
    operator: String,
}

impl SearchIndex {
    /// Reads a body. Keys of all formats that are taken can be searched by.
    ///
    /// # Errors
    /// [`Rejected`]: 400 if it is no JSON of its shape or the key is none, 422 if a member is of the wrong form.
    pub fn parse(body: &[u8], keys: &dyn Keys) -> Result<Self, Rejected> {
        if body.trim_ascii().is_empty() {
            return Err(SchemaError::required("query", "body").into());
        }
        let query = read(body).map_err(|found| Rejected::QueryJson {
            what: "query",
            found,
        })?;
        SchemaErrors::check(query.faults())?;
        let mut found: Vec<String> = [&query.email, &query.subject]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| text.to_lowercase())
            .collect();
        found.extend(prefixed(&query.hash));
        if let Some((format, content)) = &query.key {
            let format = format.as_deref().unwrap_or_default();
            found.push(key_digest(format, content, keys).map_err(|_| Rejected::SearchKey)?);
        }
        let operator = match query.operator.as_str() {
            "and" => Operator::And,
            _ => Operator::Or,
        };
        Ok(Self {
            keys: found,
            operator,
        })
    }
}

fn key_digest(format: &str, content: &[u8], keys: &dyn Keys) -> Result<String, RefusedEntry> {
    match format {
        tuf::KIND => tuf::root_digest(content),
        _ => Key::parse(format, content, keys).map(|key| key.index_digest()),
    }
}

/// A digest behind the name of its algorithm, which follows from its length.
fn prefixed(hash: &str) -> Option<String> {
    let hash = hash.to_ascii_lowercase();
    let algorithm = match hash.len() {
        0 => return None,
        40 => "sha1:",
        64 => "sha256:",
        128 => "sha512:",
        _ => "",
    };
    Some(format!("{algorithm}{hash}"))
}

fn read(body: &[u8]) -> Result<Query, String> {
    let json = json::first_value::<Object<SearchJson<'_>>>(body)?
        .strict("SearchIndex")?
        .unwrap_or_default();
    let text = |text: Text<'_>, name: &str| {
        let text = text.strict(&format!("SearchIndex.{name}"))?;
        Ok::<_, String>(text.unwrap_or_default().into_owned())
    };
    let key = match json.key.strict("SearchIndex.publicKey")? {
        Some(key) => {
            let content = text(key.content, "publicKey.content")?;
            let content = base64::standard(&content).map_err(|error| error.to_string())?;
            let format = key.format.strict("SearchIndex.publicKey.format")?;
            Some((format.map(|format| format.into_owned()), content))
        }
        None => None,
    };
    Ok(Query {
        email: text(json.email, "email")?,
        subject: text(json.subject, "subject")?,
        hash: text(json.hash, "hash")?,
        key,
        operator: text(json.operator, "operator")?,
    })
}

impl Query {
    fn faults(&self) -> Vec<SchemaError> {
        let mut errors = Vec::new();
        if !self.email.is_empty() && !is_email(&self.email) {
            errors.push(SchemaError::wrong_type(
                "email",
                "body",
                "email",
                &self.email,
            ));
        }
        if !self.hash.is_empty() && !is_hash(&self.hash) {
            errors.push(SchemaError::pattern("hash", "body", HASH));
        }
        if !matches!(self.operator.as_str(), "" | "and" | "or") {
            errors.push(SchemaError::one_of("operator", "body", &["and", "or"]));
        }
        let name = "publicKey.publicKey.format";
        match self.key.as_ref().map(|(format, _)| format.as_deref()) {
            Some(None) => errors.push(SchemaError::required(name, "body")),
            Some(Some(format)) if !FORMATS.contains(&format) => {
                errors.push(SchemaError::one_of(name, "body", &FORMATS));
            }
            _ => {}
        }
        if self.subject.chars().count() > MAX_SUBJECT {
            errors.push(SchemaError::too_long("subject", "body", MAX_SUBJECT));
        }
        errors
    }
}

/// An address without a display name: upstream takes one with, and finds nothing by it.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    plain(local) && plain(domain) && !domain.contains(['<', '>', ','])
}

fn is_hash(text: &str) -> bool {
    [("sha512:", 128), ("sha256:", 64), ("sha1:", 40)]
        .into_iter()
        .any(|(prefix, len)| {
            let digits = text.strip_prefix(prefix).unwrap_or(text);
            digits.len() == len && digits.bytes().all(|b| b.is_ascii_hexdigit())
        })
}
