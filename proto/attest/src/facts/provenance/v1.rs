//! Provenance v1: what the external parameters mean, the build type says.

use super::{Source, materials, text};
use crate::facts::build::{Build, Parameter, Producer};
use crate::facts::cursor::Cursor;
use crate::facts::extract::times;
use crate::facts::{Facts, tekton};

pub(in crate::facts) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let definition = predicate.get("buildDefinition");
    let details = predicate.get("runDetails");
    let metadata = details.get("metadata");
    let external = definition.get("externalParameters");
    let internal = definition.get("internalParameters");
    let build = &mut facts.build;
    build.builder_id = details.path(&["builder", "id"]).text();
    build.build_type = definition.get("buildType").text();
    build.producer = Producer::of(&build.build_type, &build.builder_id);
    build.run = text(&metadata, &["invocationId", "invocationID"]);
    let event = internal.path(&["github", "event_name"]).text();
    build.trigger = event.or(|| text(&internal, &["GITHUB_EVENT_NAME", "github_event_name"]));
    times(
        &metadata.get("startedOn"),
        &metadata.get("finishedOn"),
        facts,
    );
    facts.materials = materials(&definition.get("resolvedDependencies"));
    facts.parameters = Parameter::members(&external);
    if facts.build.producer == Producer::Tekton {
        tekton::v1(predicate, facts);
        return;
    }
    let mut source = source(&external, &mut facts.build);
    source.inputs(facts.materials.value().into_iter().flatten());
    source.settle(&mut facts.build);
}

/// What the external parameters of each producer say about source and configuration.
fn source(external: &Cursor<'_>, build: &mut Build) -> Source {
    let mut source = Source::default();
    let (place, uri, entry_point) = match build.producer {
        Producer::GithubActions => (external.get("workflow"), "repository", "path"),
        Producer::GoogleCloudBuild => (external.get("buildConfigSource"), "repository", "path"),
        Producer::Buildkit => (external.get("configSource"), "uri", "path"),
        _ => {
            build.config.entry_point = external.get("entryPoint").text();
            source_member(&external.get("source"), &mut source, build);
            return source;
        }
    };
    source.invoked(&place.get(uri), &place.get("digest"));
    source.referenced(place.get("ref").text());
    build.config.uri = place.get(uri).text();
    build.config.digests = place.get("digest").digest_fact();
    build.config.entry_point = place.get(entry_point).text();
    source
}

/// `source`: a resource descriptor of the container-based builder, a URL of GitLab.
fn source_member(member: &Cursor<'_>, source: &mut Source, build: &mut Build) {
    let uri = if member.is_object() {
        member.get("uri")
    } else {
        member.clone()
    };
    source.invoked(&uri, &member.get("digest"));
    build.config.uri = uri.text();
    build.config.digests = member.get("digest").digest_fact();
}
