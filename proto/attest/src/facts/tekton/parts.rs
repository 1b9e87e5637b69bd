//! What the formats of Tekton have in common: references, lists of names and values, steps, images.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Reference, Step, TaskResult, TaskStatus};
use crate::facts::build::{ImageReference, Material, Origin, Parameter};
use crate::facts::cursor::Cursor;
use crate::facts::digests::Digest;
use crate::facts::fact::Fact;
use crate::facts::provenance::repository;

/// A `taskRef` or `pipelineRef`: by name, by a bundle as it was once written, by a resolver with parameters.
pub(super) fn reference(cursor: &Cursor<'_>) -> Reference {
    let parameter = |name: &str| {
        let params = cursor.get("params");
        Fact::all(
            params
                .items()
                .filter(|item| item.get("name").as_str() == Some(name))
                .map(|item| item.get("value").text()),
        )
    };
    let bundle = cursor.get("bundle").text().and(parameter("bundle"));
    let by_bundle = cursor.get("bundle").fact(|_| Some("bundles".to_owned()));
    Reference {
        name: cursor.get("name").text().and(parameter("name")),
        kind: cursor.get("kind").text().or(|| parameter("kind")),
        source: cursor.get("resolver").text().and(by_bundle),
        bundle: bundle.filter_map(|text| ImageReference::parse(&text)),
        repository: parameter("url"),
        revision: parameter("revision"),
        path: parameter("pathInRepo"),
        ..Reference::default()
    }
}

/// A reference, or the specification that stands in its place.
pub(super) fn reference_or_inline(reference_: &Cursor<'_>, spec: &Cursor<'_>) -> Reference {
    let inline = spec.fact(|_| Some("inline".to_owned()));
    let reference = reference(reference_);
    Reference {
        source: reference.source.and(inline),
        ..reference
    }
}

/// `[{name, value}]`, then the defaults of a specification for those that are not there.
pub(super) fn parameters(given: &Cursor<'_>, spec: &Cursor<'_>) -> Fact<Vec<Parameter>> {
    let mut parameters: Vec<Parameter> = given
        .items()
        .filter_map(|item| named(&item, "value"))
        .collect();
    let known: BTreeSet<String> = parameters
        .iter()
        .map(|parameter| parameter.name.clone())
        .collect();
    let defaults = spec.items().filter_map(|item| named(&item, "default"));
    parameters.extend(
        defaults
            .filter(|default| !known.contains(&default.name))
            .map(|default| Parameter {
                origin: Origin::Default,
                ..default
            }),
    );
    if given.is_array() {
        Fact::stated(parameters, given.at())
    } else if parameters.is_empty() {
        Fact::Unknown
    } else {
        Fact::stated(parameters, spec.at())
    }
}

fn named(item: &Cursor<'_>, member: &str) -> Option<Parameter> {
    Parameter::of(item.get("name").as_str()?, &item.get(member))
}

/// `[{name, value}]` of results.
pub(super) fn results(cursor: &Cursor<'_>) -> Fact<Vec<TaskResult>> {
    cursor.fact(|cursor| {
        cursor.is_array().then(|| {
            cursor
                .items()
                .filter_map(|item| {
                    let value = item.get("value");
                    Some(TaskResult {
                        name: item.get("name").as_str()?.to_owned(),
                        value: value.value()?.clone(),
                        at: value.at().to_owned(),
                    })
                })
                .collect()
        })
    })
}

/// A word for how a run ended.
pub(super) fn status(word: &str) -> TaskStatus {
    match word {
        "Succeeded" | "Success" | "Completed" => TaskStatus::Succeeded,
        "Failed" | "Failure" => TaskStatus::Failed,
        other => TaskStatus::Other(other.to_owned()),
    }
}

/// The image that a text names.
pub(super) fn image(text: Fact<String>) -> Fact<ImageReference> {
    text.filter_map(|text| ImageReference::parse(&text))
}

/// The dependencies of a run by what a task may call them: so that tasks times dependencies are never compared.
#[derive(Default)]
pub(super) struct Dependencies {
    images: BTreeMap<String, Fact<ImageReference>>,
    tasks: BTreeMap<String, (Fact<String>, Fact<Vec<Digest>>)>,
}

impl Dependencies {
    pub(super) fn new(tasks: &[&Material], images: &[&Material]) -> Self {
        let mut dependencies = Self::default();
        for material in images {
            for stated in image_of(material).candidates() {
                let known = dependencies
                    .images
                    .entry(stated.value.repository.clone())
                    .or_default();
                let image = Fact::stated(stated.value.clone(), stated.at.as_str());
                *known = std::mem::take(known).and(image);
            }
        }
        for material in tasks {
            let uri = material.uri.value().map_or("", String::as_str);
            let mut keys: Vec<String> = material.digests.iter().map(Digest::key).collect();
            keys.push(repository(uri).0);
            keys.extend(ImageReference::parse(uri).map(|image| image.repository));
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let known = dependencies.tasks.entry(key).or_default();
                *known = (
                    std::mem::take(&mut known.0).and(material.uri.clone()),
                    std::mem::take(&mut known.1).and(digests(material)),
                );
            }
        }
        dependencies
    }

    /// The steps of a specification that is written out; of the images only those of the same repository can be meant.
    pub(super) fn steps(&self, spec: &Cursor<'_>) -> Vec<Step> {
        let step = |step: Cursor<'_>| Step {
            name: step.get("name").text(),
            image: self.resolve_image(image(step.get("image").text())),
        };
        spec.get("steps").items().map(step).collect()
    }

    fn resolve_image(&self, written: Fact<ImageReference>) -> Fact<ImageReference> {
        let resolved = match written.value() {
            Some(wanted) if wanted.digest.is_none() => self.images.get(&wanted.repository),
            _ => None,
        };
        resolved.cloned().unwrap_or(written)
    }

    /// What the reference resolved to: by the digest of its bundle, else by the repository that it names.
    pub(super) fn resolve(&self, reference: &mut Reference) {
        let bundle = reference.bundle.value().map(|bundle| match &bundle.digest {
            Some(digest) => digest.key(),
            None => bundle.repository.clone(),
        });
        let named = || reference.repository.value().map(|uri| repository(uri).0);
        let Some((resolved, digests)) = bundle.or_else(named).and_then(|key| self.tasks.get(&key))
        else {
            return;
        };
        reference.resolved = resolved.clone();
        reference.resolved_digests = digests.clone();
    }
}

/// The image that a material is.
pub(super) fn image_of(material: &Material) -> Fact<ImageReference> {
    let digest = material.digests.first().cloned();
    image(material.uri.clone()).filter_map(|image| {
        Some(ImageReference {
            digest: image.digest.or_else(|| digest.clone()),
            ..image
        })
    })
}

/// What these materials, one of which it is, say together.
pub(super) fn set_resolved(reference: &mut Reference, materials: &[&Material]) {
    reference.resolved = Fact::all(materials.iter().map(|material| material.uri.clone()));
    reference.resolved_digests = Fact::all(materials.iter().map(|material| digests(material)));
}

fn digests(material: &Material) -> Fact<Vec<Digest>> {
    if material.digests.is_empty() {
        Fact::Unknown
    } else {
        Fact::stated(material.digests.clone(), format!("{}/digest", material.at))
    }
}

/// A text that a result or parameter has as its value, as a fact.
pub(super) fn text_of(value: &Value, at: &str) -> Fact<String> {
    match value.as_str() {
        None | Some("") => Fact::Unknown,
        Some(text) => Fact::stated(text.to_owned(), at),
    }
}
