//! CycloneDX in JSON.

use serde::de::{MapAccess, SeqAccess};

use super::stream::{Array, Either, Items, Members, Object, Text, read as read_stream};
use super::{Component, Sbom, SbomFormat};
use crate::facts::digests::Digest;
use crate::facts::fact::Fact;
use crate::limits::MAX_DIGESTS;

/// Tools that a document may name; more are passed over.
const MAX_TOOLS: usize = 64;

pub(super) fn read<'a>(
    text: &'a str,
    at: &str,
    each: &mut dyn FnMut(Component<'a>),
) -> Result<Sbom, String> {
    let mut document = Document {
        sbom: Sbom::new(SbomFormat::CycloneDx),
        at: at.to_owned(),
        components: Components {
            at: format!("{at}/components"),
            count: 0,
            each,
        },
    };
    read_stream(text, &mut document)?;
    Ok(document.sbom)
}

struct Document<'e, 'a> {
    sbom: Sbom,
    at: String,
    components: Components<'e, 'a>,
}

impl<'a> Members<'a> for Document<'_, 'a> {
    const NAMES: &'static [&'static str] =
        &["specVersion", "serialNumber", "metadata", "components"];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let at = format!("{}/{name}", self.at);
        match name {
            "specVersion" => self.sbom.spec_version = text(map.next_value()?, &at),
            "serialNumber" => self.sbom.namespace = text(map.next_value()?, &at),
            "metadata" => map.next_value_seed(Object(&mut Metadata {
                sbom: &mut self.sbom,
                at,
            }))?,
            _ => {
                map.next_value_seed(Array(&mut self.components))?;
                self.sbom.components = Fact::stated(self.components.count, at);
            }
        }
        Ok(())
    }
}

struct Metadata<'s> {
    sbom: &'s mut Sbom,
    at: String,
}

impl<'a> Members<'a> for Metadata<'_> {
    const NAMES: &'static [&'static str] = &["timestamp", "tools", "component"];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let at = format!("{}/{name}", self.at);
        match name {
            "timestamp" => self.sbom.created = text(map.next_value()?, &at),
            "tools" => {
                let mut tools = Tools::default();
                map.next_value_seed(Either(&mut tools))?;
                if !tools.found.is_empty() {
                    self.sbom.tools = Fact::stated(tools.found, at);
                }
            }
            _ => {
                let mut nobody = |_: Component<'a>| ();
                let mut root = OneComponent::new(at.clone(), &mut nobody);
                map.next_value_seed(Object(&mut root))?;
                self.sbom.name = text(Text(root.component.name), &format!("{at}/name"));
                self.sbom.root_purl = text(Text(root.component.purl), &format!("{at}/purl"));
            }
        }
        Ok(())
    }
}

/// A list of tools up to 1.4, since 1.5 an object whose components they are.
#[derive(Default)]
struct Tools {
    found: Vec<String>,
}

impl<'a> Members<'a> for Tools {
    const NAMES: &'static [&'static str] = &["components"];

    fn member<A: MapAccess<'a>>(&mut self, _: &'static str, map: &mut A) -> Result<(), A::Error> {
        map.next_value_seed(Array(self))
    }
}

impl<'a> Items<'a> for Tools {
    fn item<A: SeqAccess<'a>>(&mut self, _: usize, seq: &mut A) -> Result<bool, A::Error> {
        let mut nobody = |_: Component<'a>| ();
        let mut tool = OneComponent::new(String::new(), &mut nobody);
        if seq.next_element_seed(Object(&mut tool))?.is_none() {
            return Ok(false);
        }
        if let Some(name) = tool.component.name
            && self.found.len() < MAX_TOOLS
        {
            let version = tool.component.version.unwrap_or_default();
            self.found
                .push(format!("{name} {version}").trim_end().to_owned());
        }
        Ok(true)
    }
}

struct Components<'e, 'a> {
    at: String,
    count: u64,
    each: &'e mut dyn FnMut(Component<'a>),
}

impl<'a> Items<'a> for Components<'_, 'a> {
    fn item<A: SeqAccess<'a>>(&mut self, index: usize, seq: &mut A) -> Result<bool, A::Error> {
        let mut one = OneComponent::new(format!("{}/{index}", self.at), self.each);
        if seq.next_element_seed(Object(&mut one))?.is_none() {
            return Ok(false);
        }
        let (component, nested) = (one.component, one.nested);
        self.count += nested + 1;
        (self.each)(component);
        Ok(true)
    }
}

struct OneComponent<'e, 'a> {
    component: Component<'a>,
    /// Components inside it, handed over already.
    nested: u64,
    each: &'e mut dyn FnMut(Component<'a>),
}

impl<'e, 'a> OneComponent<'e, 'a> {
    fn new(at: String, each: &'e mut dyn FnMut(Component<'a>)) -> Self {
        Self {
            component: Component {
                at,
                ..Component::default()
            },
            nested: 0,
            each,
        }
    }
}

impl<'a> Members<'a> for OneComponent<'_, 'a> {
    const NAMES: &'static [&'static str] = &["name", "version", "purl", "hashes", "components"];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "name" => self.component.name = map.next_value::<Text<'a>>()?.0,
            "version" => self.component.version = map.next_value::<Text<'a>>()?.0,
            "purl" => self.component.purl = map.next_value::<Text<'a>>()?.0,
            "hashes" => map.next_value_seed(Array(&mut Hashes(&mut self.component.digests)))?,
            _ => {
                let mut nested = Components {
                    at: format!("{}/components", self.component.at),
                    count: 0,
                    each: self.each,
                };
                map.next_value_seed(Array(&mut nested))?;
                self.nested = nested.count;
            }
        }
        Ok(())
    }
}

struct Hashes<'d>(&'d mut Vec<Digest>);

impl<'a> Items<'a> for Hashes<'_> {
    fn item<A: SeqAccess<'a>>(&mut self, _: usize, seq: &mut A) -> Result<bool, A::Error> {
        let mut hash = Hash::default();
        if seq.next_element_seed(Object(&mut hash))?.is_none() {
            return Ok(false);
        }
        if let (Text(Some(algorithm)), Text(Some(content))) = (hash.algorithm, hash.content)
            && self.0.len() < MAX_DIGESTS
        {
            self.0.push(Digest::new(&algorithm, &content));
        }
        Ok(true)
    }
}

#[derive(Default)]
struct Hash<'a> {
    algorithm: Text<'a>,
    content: Text<'a>,
}

impl<'a> Members<'a> for Hash<'a> {
    const NAMES: &'static [&'static str] = &["alg", "content"];

    fn member<A: MapAccess<'a>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let text = map.next_value()?;
        match name {
            "alg" => self.algorithm = text,
            _ => self.content = text,
        }
        Ok(())
    }
}

/// A text that is not empty.
pub(super) fn text(text: Text<'_>, at: &str) -> Fact<String> {
    match text.0.as_deref() {
        None | Some("") => Fact::Unknown,
        Some(text) => Fact::stated(text.to_owned(), at),
    }
}
