//! Reading a policy line by line.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Group, MAX_ITEMS, MAX_POLICY_LEN, Member, NONE, Octets, Policy, PolicyLog, PolicyWitness,
};
use crate::note::{KeyKind, VerifierKey};
use crate::size::parse_decimal;

/// As much of a wrong field as an error repeats, in bytes.
const ECHO: usize = 80;

/// Why bytes are not a policy: what was expected on which line, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct PolicyError {
    /// The line, from 1; for what is missing at the end, the line after the last.
    pub line: usize,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// What is wrong with a line.
type Fault = (String, String);

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// The first thing that the specification does not allow, or that exceeds [`MAX_POLICY_LEN`] or [`MAX_ITEMS`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let at = |line: usize| {
            move |(expected, found): Fault| PolicyError {
                line,
                expected,
                found,
            }
        };
        if bytes.len() > MAX_POLICY_LEN {
            let limit = format!("a policy of at most {MAX_POLICY_LEN} bytes");
            return Err(at(1)((limit, bytes.len().to_string())));
        }
        let mut reading = Reading::default();
        let mut number = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            number += 1;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (line, after) = end
                .and_then(|end| rest.split_at_checked(end))
                .ok_or_else(|| wrong("a newline at its end", "none"))
                .map_err(at(number))?;
            reading.line(line).map_err(at(number))?;
            rest = after.get(1..).unwrap_or_default();
        }
        reading.finish().map_err(at(number + 1))
    }
}

fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Fault {
    (expected.into(), found.into())
}

/// A field as an error shows it.
fn echo(field: &[u8]) -> String {
    let shown = field.get(..ECHO.min(field.len())).unwrap_or_default();
    let dots = if field.len() > ECHO { ".." } else { "" };
    format!("\"{}\"{dots}", shown.escape_ascii())
}

/// What the lines so far have said.
#[derive(Default)]
struct Reading {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
    names: BTreeMap<Octets, Member>,
    /// Which names are members already.
    used: BTreeSet<Octets>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if let Some(byte) = line.iter().find(|byte| is_control(**byte)) {
            return Err(wrong(
                "no control character but tab and newline",
                format!("byte {byte:#04x}"),
            ));
        }
        let mut fields = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|field| !field.is_empty());
        let Some(keyword) = fields.next().filter(|word| !word.starts_with(b"#")) else {
            return Ok(());
        };
        let fields: Vec<&[u8]> = fields.collect();
        match keyword {
            b"log" => self.log(&fields),
            b"witness" => self.witness(&fields),
            b"group" => self.group(&fields),
            b"quorum" => self.set_quorum(&fields),
            other => Err(wrong("log, witness, group or quorum", echo(other))),
        }
    }

    fn log(&mut self, fields: &[&[u8]]) -> Result<(), Fault> {
        let (key, url) = match fields {
            [key] => (key, None),
            [key, url] => (key, Some(Octets(url.to_vec()))),
            _ => return Err(count("log VKEY [URL]", fields)),
        };
        room(self.logs.len(), "logs")?;
        let key = read_key(key)?;
        if key.kind() == KeyKind::CosignatureV1 {
            return Err(wrong("the key of a log", "the key of a witness, type 0x04"));
        }
        let keys = self.logs.iter().map(|log| &log.key);
        fresh(keys, &key, "no other log")?;
        let keys = self.witnesses.iter().map(|witness| &witness.key);
        fresh(keys, &key, "no witness")?;
        self.logs.push(PolicyLog { key, url });
        Ok(())
    }

    fn witness(&mut self, fields: &[&[u8]]) -> Result<(), Fault> {
        let (name, key, url) = match fields {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some(Octets(url.to_vec()))),
            _ => return Err(count("witness NAME VKEY [URL]", fields)),
        };
        room(self.witnesses.len(), "witnesses")?;
        let key = as_cosigner(read_key(key)?)?;
        let keys = self.witnesses.iter().map(|witness| &witness.key);
        fresh(keys, &key, "no other witness")?;
        let keys = self.logs.iter().map(|log| &log.key);
        fresh(keys, &key, "no log")?;
        let name = self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness { name, key, url });
        Ok(())
    }

    fn group(&mut self, fields: &[&[u8]]) -> Result<(), Fault> {
        let [name, threshold, names @ ..] = fields else {
            return Err(count("group NAME all|any|K MEMBER...", fields));
        };
        if names.is_empty() {
            return Err(count("group NAME all|any|K MEMBER...", fields));
        }
        room(self.groups.len(), "groups")?;
        let threshold = read_threshold(threshold, names.len())?;
        let members = names.iter().map(|name| self.member(name));
        let members = members.collect::<Result<_, _>>()?;
        let name = self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group {
            name,
            threshold,
            members,
        });
        Ok(())
    }

    fn set_quorum(&mut self, fields: &[&[u8]]) -> Result<(), Fault> {
        let [name] = fields else {
            return Err(count("quorum NAME or quorum none", fields));
        };
        if self.quorum.is_some() {
            return Err(wrong("one quorum line", "a second one"));
        }
        let member = if *name == NONE {
            None
        } else {
            Some(self.find(name)?)
        };
        self.quorum = Some(member);
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<Octets, Fault> {
        let taken = Octets(name.to_vec());
        if name == NONE || self.names.contains_key(&taken) {
            return Err(wrong("a name that is not taken", echo(name)));
        }
        self.names.insert(taken.clone(), member);
        Ok(taken)
    }

    fn find(&self, name: &[u8]) -> Result<Member, Fault> {
        let known = self.names.get(&Octets(name.to_vec())).copied();
        known.ok_or_else(|| {
            wrong(
                "the name of a witness or group on a line before",
                echo(name),
            )
        })
    }

    /// A name as a member of a group, which it may be once.
    fn member(&mut self, name: &[u8]) -> Result<Member, Fault> {
        let member = self.find(name)?;
        if !self.used.insert(Octets(name.to_vec())) {
            return Err(wrong("a name that is no member yet", echo(name)));
        }
        Ok(member)
    }

    fn finish(self) -> Result<Policy, Fault> {
        let missing = || wrong("a quorum line", "the end of the file");
        Ok(Policy {
            quorum: self.quorum.ok_or_else(missing)?,
            logs: self.logs,
            witnesses: self.witnesses,
            groups: self.groups,
        })
    }
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

fn count(expected: &str, fields: &[&[u8]]) -> Fault {
    wrong(expected, format!("{} fields after the first", fields.len()))
}

fn room(len: usize, what: &str) -> Result<(), Fault> {
    if len < MAX_ITEMS {
        return Ok(());
    }
    Err(wrong(format!("at most {MAX_ITEMS} {what}"), "more"))
}

fn read_key(field: &[u8]) -> Result<VerifierKey, Fault> {
    let text = std::str::from_utf8(field).map_err(|_| wrong("a vkey", echo(field)))?;
    VerifierKey::parse(text).map_err(|error| wrong("a vkey", format!("{} ({error})", echo(field))))
}

/// A witness's key as what it verifies: some write type 0x01 and mean 0x04, whose key id is another.
fn as_cosigner(key: VerifierKey) -> Result<VerifierKey, Fault> {
    let other = |found: &str| wrong("the key of a witness, type 0x04", found);
    match key.kind() {
        KeyKind::Ed25519 => {
            let material = key.material().try_into();
            let material = material.map_err(|_| other("a key of another length"))?;
            VerifierKey::cosignature_v1(key.name().clone(), material)
                .map_err(|error| other(&error.to_string()))
        }
        KeyKind::Ecdsa => Err(other("type 0x02")),
        KeyKind::CosignatureV1 | KeyKind::Unknown => Ok(key),
    }
}

/// Two keys are the same if their public keys are, whatever their names, ids and types.
fn fresh<'a>(
    mut known: impl Iterator<Item = &'a VerifierKey>,
    key: &VerifierKey,
    whose: &str,
) -> Result<(), Fault> {
    match known.find(|other| other.material() == key.material()) {
        None => Ok(()),
        Some(other) => Err(wrong(
            format!("a public key that {whose} has"),
            format!("that of {}", other.name()),
        )),
    }
}

fn read_threshold(field: &[u8], members: usize) -> Result<usize, Fault> {
    let expected = || {
        wrong(
            format!("all, any or a number from 1 to {members}"),
            echo(field),
        )
    };
    match field {
        b"all" => Ok(members),
        b"any" => Ok(1),
        _ => {
            let limit = u64::try_from(members).map_err(|_| expected())?;
            let text = std::str::from_utf8(field).map_err(|_| expected())?;
            let number = parse_decimal(text, limit).ok().filter(|k| *k > 0);
            number
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(expected)
        }
    }
}
