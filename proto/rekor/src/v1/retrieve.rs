//! `SearchLogQuery`, the body of `POST /api/v1/log/entries/retrieve`: up to ten entries at once.

use serde::de::{Deserialize, Deserializer, Visitor};
use treering_tlog::Hash;

use super::ids::{BadKey, EntryId, EntryKey, bad_pattern};
use super::json::{self, List, Object, Text, object, wrong_type};
use super::proposed::{ProposedEntry, ProposedJson};
use super::rejected::Rejected;
use super::schema::{SchemaError, SchemaErrors};

/// Entries that may be asked for at once, by whatever name.
pub const MAX_RETRIEVED: usize = 10;
/// Elements that are read of each list: one more than may be there.
const READ: usize = MAX_RETRIEVED + 1;

/// What is asked for, in the order of the answer: by full id, by leaf hash, by entry, by index. What is not there is left out.
#[derive(Clone, Debug, Default)]
pub struct Retrieve<'a> {
    /// Ids with their tree.
    pub ids: Vec<EntryId>,
    /// Hashes of leaves in any tree.
    pub leaves: Vec<Hash>,
    /// Entries, to be looked up by [`ProposedEntry::look_up`] in any tree.
    pub entries: Vec<ProposedEntry<'a>>,
    /// Indexes over all shards.
    pub indexes: Vec<u64>,
}

object! {
    RetrieveJson<'a> Folded {
        "entryUUIDs" => ids: List<Text<'a>, READ>,
        "logIndexes" => indexes: List<Integer, READ>,
        "entries" => entries: List<Object<ProposedJson<'a>>, READ>,
    }
}

impl<'a> Retrieve<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Rejected`]: 400 if it is no JSON of its shape, has an entry of an unknown kind or a tree id that cannot be; 422 if a
    /// list is empty or too long, an id or index of the wrong form, or there are more than [`MAX_RETRIEVED`] in all.
    pub fn parse(body: &'a [u8]) -> Result<Self, Rejected> {
        if body.trim_ascii().is_empty() {
            return Err(SchemaError::required("entry", "body").into());
        }
        let (ids, indexes, (entries, len)) = read(body)?;
        let mut errors = Vec::new();
        if len > MAX_RETRIEVED {
            errors.push(SchemaError::too_many("entries", "body", MAX_RETRIEVED));
        }
        ids.check("entryUUIDs", &mut errors);
        indexes.check("logIndexes", &mut errors);
        let indexes = check_indexes(&indexes.items, &mut errors);
        let keys = check_ids(&ids.items, &errors)?;
        SchemaErrors::check(errors)?;
        if ids.items.len() + indexes.len() + entries.len() > MAX_RETRIEVED {
            return Err(Rejected::TooMany { max: MAX_RETRIEVED });
        }
        let mut request = Self {
            entries,
            indexes,
            ..Self::default()
        };
        for (key, id) in keys.into_iter().zip(ids.items) {
            match key {
                Ok(EntryKey::Full(id)) => request.ids.push(id),
                Ok(EntryKey::Leaf(leaf)) => request.leaves.push(leaf),
                Err(BadTree) => {
                    return Err(Rejected::EntryId {
                        words: "invalid entryID",
                        id,
                    });
                }
            }
        }
        Ok(request)
    }
}

/// A list of the request.
struct Items<T> {
    items: Vec<T>,
    len: usize,
    present: bool,
}

impl<T> Items<T> {
    fn check(&self, name: &str, errors: &mut Vec<SchemaError>) {
        if self.present && self.len == 0 {
            errors.push(SchemaError::too_few(name, "body", 1));
        }
        if self.len > MAX_RETRIEVED {
            errors.push(SchemaError::too_many(name, "body", MAX_RETRIEVED));
        }
    }
}

type Lists<'a> = (Items<String>, Items<i64>, (Vec<ProposedEntry<'a>>, usize));

fn read(body: &[u8]) -> Result<Lists<'_>, Rejected> {
    let malformed = |found: String| Rejected::QueryJson {
        what: "entry",
        found,
    };
    let json = json::first_value::<Object<RetrieveJson<'_>>>(body)
        .and_then(|json| json.strict("SearchLogQuery"))
        .map_err(malformed)?
        .unwrap_or_default();
    let ids = items(json.ids, ".entryUUIDs", |text| {
        let text = text.strict(".entryUUIDs")?;
        Ok(text.unwrap_or_default().into_owned())
    });
    let indexes = items(json.indexes, ".logIndexes", |integer| integer.0);
    let entries = match json.entries {
        List::Absent => (Vec::new(), 0),
        List::Other(found) => return Err(malformed(wrong_type(found, ".entries", "array"))),
        List::Of { items, len } => (
            items
                .into_iter()
                .map(ProposedEntry::read)
                .collect::<Result<_, _>>()
                .map_err(|rejected| match rejected {
                    Rejected::Schema(errors) => Rejected::Schema(errors),
                    other => malformed(other.to_string()),
                })?,
            len,
        ),
    };
    Ok((
        ids.map_err(malformed)?,
        indexes.map_err(malformed)?,
        entries,
    ))
}

fn items<J, T, const MAX: usize>(
    json: List<J, MAX>,
    name: &str,
    read: impl Fn(J) -> Result<T, String>,
) -> Result<Items<T>, String> {
    let (items, len, present) = match json {
        List::Absent => (Vec::new(), 0, false),
        List::Of { items, len } => (items, len, true),
        List::Other(found) => return Err(wrong_type(found, name, "array")),
    };
    Ok(Items {
        items: items.into_iter().map(read).collect::<Result<_, _>>()?,
        len,
        present,
    })
}

fn check_indexes(indexes: &[i64], errors: &mut Vec<SchemaError>) -> Vec<u64> {
    let mut checked = Vec::with_capacity(indexes.len());
    for (place, &index) in indexes.iter().enumerate() {
        match u64::try_from(index) {
            Ok(index) => checked.push(index),
            Err(_) => {
                errors.push(SchemaError::at_least(
                    &format!("logIndexes.{place}"),
                    "body",
                    0,
                ));
            }
        }
    }
    checked
}

struct BadTree;

fn check_ids(
    ids: &[String],
    errors: &[SchemaError],
) -> Result<Vec<Result<EntryKey, BadTree>>, Rejected> {
    let mut keys = Vec::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        match EntryKey::read(id) {
            Ok(key) => keys.push(Ok(key)),
            Err(BadKey::Tree) => keys.push(Err(BadTree)),
            // One is enough: the text of the answer shows which.
            Err(BadKey::Pattern) if errors.is_empty() => {
                return Err(bad_pattern(&format!("entryUUIDs.{place}"), "body").into());
            }
            Err(BadKey::Pattern) => break,
        }
    }
    Ok(keys)
}

/// An integer of 64 bits with a sign; `null` is zero.
#[derive(Debug)]
pub(super) struct Integer(Result<i64, String>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl IntegerVisitor {
    fn refuse<E>(found: &str) -> Result<Integer, E> {
        Ok(Integer(Err(wrong_type(found, ".logIndexes", "int64"))))
    }
}

impl<'de> Visitor<'de> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("json")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Integer, E> {
        Ok(Integer(Ok(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Integer, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Integer(Ok(value))),
            Err(_) => Self::refuse(&format!("number {value}")),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Integer, E> {
        Self::refuse(&format!("number {value}"))
    }

    fn visit_unit<E>(self) -> Result<Integer, E> {
        Ok(Integer(Ok(0)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Integer, E> {
        Self::refuse("bool")
    }

    fn visit_str<E>(self, _: &str) -> Result<Integer, E> {
        Self::refuse("string")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, array: A) -> Result<Integer, A::Error> {
        json::skip_array(array)?;
        Self::refuse("array")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, object: A) -> Result<Integer, A::Error> {
        json::skip_object(object)?;
        Self::refuse("object")
    }
}
