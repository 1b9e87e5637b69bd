//! Provenance v0.2: the source is what the invocation was configured from, unless Tekton made it, for which that is the pipeline.

use super::{Source, materials, text};
use crate::facts::build::{Config, Parameter, Producer};
use crate::facts::cursor::Cursor;
use crate::facts::extract::times;
use crate::facts::{Facts, tekton};

pub(in crate::facts) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let invocation = predicate.get("invocation");
    let config = invocation.get("configSource");
    let metadata = predicate.get("metadata");
    let environment = invocation.get("environment");
    let build = &mut facts.build;
    build.builder_id = predicate.path(&["builder", "id"]).text();
    build.build_type = predicate.get("buildType").text();
    build.producer = Producer::of(&build.build_type, &build.builder_id);
    build.run = text(&metadata, &["buildInvocationId", "buildInvocationID"]);
    build.trigger = text(&environment, &["github_event_name", "GITHUB_EVENT_NAME"]);
    build.config = Config {
        uri: config.get("uri").text(),
        digests: config.get("digest").digest_fact(),
        entry_point: config.get("entryPoint").text(),
    };
    times(
        &metadata.get("buildStartedOn"),
        &metadata.get("buildFinishedOn"),
        facts,
    );
    facts.materials = materials(&predicate.get("materials"));
    facts.parameters = Parameter::members(&invocation.get("parameters"));
    if facts.build.producer == Producer::Tekton {
        tekton::v0_2(predicate, facts);
        return;
    }
    let mut source = Source::default();
    source.invoked(&config.get("uri"), &config.get("digest"));
    source.inputs(facts.materials.value().into_iter().flatten());
    source.settle(&mut facts.build);
}
