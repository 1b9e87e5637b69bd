//! SPDX in JSON: the document of SPDX 2, with packages in a list; the graph of SPDX 3, in which everything is an element.

use serde::de::{MapAccess, SeqAccess};

use super::cyclonedx::text;
use super::stream::{Array, Items, Members, Object, Text, read as read_stream};
use super::{Component, Sbom, SbomFormat};
use crate::facts::digests::Digest;
use crate::facts::fact::Fact;
use crate::limits::MAX_DIGESTS;

/// Creators that a document may name; more are passed over.
const MAX_CREATORS: usize = 64;

pub(super) fn read<'a>(
    text: &'a str,
    at: &str,
    each: &mut dyn FnMut(Component<'a>),
) -> Result<Sbom, String> {
    let mut document = Document {
        sbom: Sbom::new(SbomFormat::Spdx),
        at: at.to_owned(),
        each,
    };
    read_stream(text, &mut document)?;
    Ok(document.sbom)
}

struct Document<'e, 'a> {
    sbom: Sbom,
    at: String,
    each: &'e mut dyn FnMut(Component<'a>),
}

impl<'a> Members<'a> for Document<'_, 'a> {
    const NAMES: &'static [&'static str] = &[
        "spdxVersion",
        "name",
        "documentNamespace",
        "creationInfo",
        "packages",
        "@graph",
    ];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let at = format!("{}/{name}", self.at);
        match name {
            "spdxVersion" => self.sbom.spec_version = text(map.next_value()?, &at),
            "name" => self.sbom.name = text(map.next_value()?, &at),
            "documentNamespace" => self.sbom.namespace = text(map.next_value()?, &at),
            "creationInfo" => map.next_value_seed(Object(&mut CreationInfo {
                sbom: &mut self.sbom,
                at,
            }))?,
            _ => {
                let mut elements = Elements {
                    graph: name == "@graph",
                    count: 0,
                    sbom: &mut self.sbom,
                    at: at.clone(),
                    each: self.each,
                };
                map.next_value_seed(Array(&mut elements))?;
                let count = Fact::stated(elements.count, at);
                self.sbom.components = std::mem::take(&mut self.sbom.components).and(count);
            }
        }
        Ok(())
    }
}

struct CreationInfo<'s> {
    sbom: &'s mut Sbom,
    at: String,
}

impl<'a> Members<'a> for CreationInfo<'_> {
    const NAMES: &'static [&'static str] = &["created", "creators"];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let at = format!("{}/{name}", self.at);
        if name == "created" {
            self.sbom.created = text(map.next_value()?, &at);
            return Ok(());
        }
        let mut creators = Texts::default();
        map.next_value_seed(Array(&mut creators))?;
        let tools = creators
            .0
            .iter()
            .filter_map(|creator| creator.strip_prefix("Tool:"));
        let tools: Vec<String> = tools.map(|tool| tool.trim().to_owned()).collect();
        if !tools.is_empty() {
            self.sbom.tools = Fact::stated(tools, at);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Texts(Vec<String>);

impl<'a> Items<'a> for Texts {
    fn item<A: SeqAccess<'a>>(&mut self, _: usize, seq: &mut A) -> Result<bool, A::Error> {
        let Some(Text(text)) = seq.next_element()? else {
            return Ok(false);
        };
        if self.0.len() < MAX_CREATORS {
            self.0.extend(text.map(|text| text.into_owned()));
        }
        Ok(true)
    }
}

/// Packages, or the elements of a graph.
struct Elements<'s, 'e, 'a> {
    graph: bool,
    count: u64,
    sbom: &'s mut Sbom,
    at: String,
    each: &'e mut dyn FnMut(Component<'a>),
}

impl<'a> Items<'a> for Elements<'_, '_, 'a> {
    fn item<A: SeqAccess<'a>>(&mut self, index: usize, seq: &mut A) -> Result<bool, A::Error> {
        let mut element = Element::default();
        if seq.next_element_seed(Object(&mut element))?.is_none() {
            return Ok(false);
        }
        let at = format!("{}/{index}", self.at);
        if self.graph {
            match element.kind.0.as_deref() {
                Some("software_Package") => {}
                Some("SpdxDocument") => {
                    self.sbom.name = text(element.name, &format!("{at}/name"));
                    self.sbom.namespace = text(element.id, &format!("{at}/spdxId"));
                    return Ok(true);
                }
                Some("CreationInfo") => {
                    let created = text(element.created, &format!("{at}/created"));
                    let version = text(element.spec_version, &format!("{at}/specVersion"));
                    self.sbom.created = std::mem::take(&mut self.sbom.created).and(created);
                    self.sbom.spec_version =
                        std::mem::take(&mut self.sbom.spec_version).and(version);
                    return Ok(true);
                }
                _ => return Ok(true),
            }
        }
        self.count += 1;
        (self.each)(Component {
            name: element.name.0,
            version: element.version.0,
            purl: element.purl.0,
            digests: element.digests,
            at,
        });
        Ok(true)
    }
}

/// An element of SPDX 3 or a package of SPDX 2: which of them, its type says, which may come last.
#[derive(Default)]
struct Element<'a> {
    kind: Text<'a>,
    id: Text<'a>,
    name: Text<'a>,
    version: Text<'a>,
    purl: Text<'a>,
    created: Text<'a>,
    spec_version: Text<'a>,
    digests: Vec<Digest>,
}

impl<'a> Members<'a> for Element<'a> {
    const NAMES: &'static [&'static str] = &[
        "type",
        "spdxId",
        "name",
        "versionInfo",
        "software_packageVersion",
        "software_packageUrl",
        "created",
        "specVersion",
        "externalRefs",
        "externalIdentifier",
        "checksums",
        "verifiedUsing",
    ];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "spdxId" => self.id = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "versionInfo" | "software_packageVersion" => self.version = map.next_value()?,
            "software_packageUrl" => self.purl = map.next_value()?,
            "created" => self.created = map.next_value()?,
            "specVersion" => self.spec_version = map.next_value()?,
            "externalRefs" | "externalIdentifier" => {
                map.next_value_seed(Array(&mut References(&mut self.purl)))?;
            }
            _ => map.next_value_seed(Array(&mut Checksums(&mut self.digests)))?,
        }
        Ok(())
    }
}

/// The first package URL among the references of a package.
struct References<'p, 'a>(&'p mut Text<'a>);

impl<'a> Items<'a> for References<'_, 'a> {
    fn item<A: SeqAccess<'a>>(&mut self, _: usize, seq: &mut A) -> Result<bool, A::Error> {
        let mut pair = Pair::default();
        if seq.next_element_seed(Object(&mut pair))?.is_none() {
            return Ok(false);
        }
        let is_purl = matches!(pair.kind.0.as_deref(), Some("purl" | "packageUrl"));
        if is_purl && self.0.0.is_none() {
            *self.0 = pair.value;
        }
        Ok(true)
    }
}

struct Checksums<'d>(&'d mut Vec<Digest>);

impl<'a> Items<'a> for Checksums<'_> {
    fn item<A: SeqAccess<'a>>(&mut self, _: usize, seq: &mut A) -> Result<bool, A::Error> {
        let mut pair = Pair::default();
        if seq.next_element_seed(Object(&mut pair))?.is_none() {
            return Ok(false);
        }
        if let (Text(Some(algorithm)), Text(Some(value))) = (pair.kind, pair.value)
            && self.0.len() < MAX_DIGESTS
        {
            self.0.push(Digest::new(&algorithm, &value));
        }
        Ok(true)
    }
}

/// What SPDX 2 and 3 call the name and the value of a reference or checksum.
#[derive(Default)]
struct Pair<'a> {
    kind: Text<'a>,
    value: Text<'a>,
}

impl<'a> Members<'a> for Pair<'a> {
    const NAMES: &'static [&'static str] = &[
        "referenceType",
        "referenceLocator",
        "externalIdentifierType",
        "identifier",
        "algorithm",
        "checksumValue",
        "hashValue",
    ];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let text = map.next_value()?;
        match name {
            "referenceType" | "externalIdentifierType" | "algorithm" => self.kind = text,
            _ => self.value = text,
        }
        Ok(())
    }
}
