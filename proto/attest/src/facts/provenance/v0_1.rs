//! Provenance v0.1: a recipe, and materials of which `recipe.definedInMaterial` is the source.

use super::{Source, materials, text};
use crate::facts::Facts;
use crate::facts::build::{Config, Material, Parameter, Producer};
use crate::facts::cursor::Cursor;
use crate::facts::extract::times;

pub(in crate::facts) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let recipe = predicate.get("recipe");
    let metadata = predicate.get("metadata");
    let build = &mut facts.build;
    build.builder_id = predicate.path(&["builder", "id"]).text();
    build.build_type = recipe.get("type").text();
    build.producer = Producer::of(&build.build_type, &build.builder_id);
    build.run = text(&metadata, &["buildInvocationId", "buildInvocationID"]);
    times(
        &metadata.get("buildStartedOn"),
        &metadata.get("buildFinishedOn"),
        facts,
    );
    facts.materials = materials(&predicate.get("materials"));
    facts.parameters = Parameter::members(&recipe.get("arguments"));
    let known = facts.materials.value().map_or(&[][..], Vec::as_slice);
    let mut source = Source::default();
    match defined_in(&recipe, known) {
        Some(material) => {
            let at = format!("{}/digest", material.at);
            source.invoked_as(material.uri.clone(), &material.digests, &at);
            facts.build.config = Config {
                uri: material.uri.clone(),
                digests: predicate
                    .get("materials")
                    .items()
                    .find(|item| item.at() == material.at)
                    .map_or_else(Cursor::nothing, |item| item.get("digest"))
                    .digest_fact(),
                entry_point: recipe.get("entryPoint").text(),
            };
        }
        None => {
            source.inputs(known);
            facts.build.config.entry_point = recipe.get("entryPoint").text();
        }
    }
    source.settle(&mut facts.build);
}

/// The material that the recipe says it is defined in.
fn defined_in<'m>(recipe: &Cursor<'_>, materials: &'m [Material]) -> Option<&'m Material> {
    let index = recipe.get("definedInMaterial").integer();
    materials.get(usize::try_from(*index.value()?).ok()?)
}
