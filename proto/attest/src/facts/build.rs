//! What provenance of any version says: the one shape of a build, its inputs, its parameters.

use serde::Serialize;
use serde_json::Value;

use super::cursor::Cursor;
use super::digests::Digest;
use super::fact::Fact;
use super::names;

/// What was run, where, and from what source.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// Who made it, told by the build type and the builder: picks the names under which one builder is known. No fact, an inference.
    pub producer: Producer,
    /// Who ran the build.
    pub builder_id: Fact<String>,
    /// How parameters and inputs are to be read.
    pub build_type: Fact<String>,
    /// Where the source is: without `git+`, `@REF`, a slash or `.git` at the end.
    pub repository: Fact<String>,
    /// The commit that was built.
    pub commit: Fact<String>,
    /// The branch or tag, `refs/heads/main`.
    pub reference: Fact<String>,
    /// Where what was run is defined: the workflow, the pipeline.
    pub config: Config,
    /// Which run it was.
    pub run: Fact<String>,
    /// What started it: `push`, `workflow_dispatch`.
    pub trigger: Fact<String>,
    /// When it began, as it is written (RFC 3339).
    pub started: Fact<String>,
    /// When it ended, as it is written (RFC 3339).
    pub finished: Fact<String>,
}

/// Where what was run is defined.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The repository or bundle, as it is written.
    pub uri: Fact<String>,
    /// Its digests.
    pub digests: Fact<Vec<Digest>>,
    /// What in it was run: a path, a name.
    pub entry_point: Fact<String>,
}

/// Who makes provenance of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Producer {
    /// GitHub's attestations of workflows; npm's and PyPI's, which are made by it.
    GithubActions,
    /// npm's command line on GitHub, before GitHub's own.
    NpmGithub,
    /// npm's command line on GitLab.
    NpmGitlab,
    /// The generators of slsa-framework/slsa-github-generator.
    SlsaGithubGenerator,
    /// The builder of SLSA that runs in a container.
    ContainerBased,
    /// Google Cloud Build.
    GoogleCloudBuild,
    /// Tekton Chains.
    Tekton,
    /// The GitLab runner.
    Gitlab,
    /// BuildKit.
    Buildkit,
    /// Any other.
    #[default]
    Other,
}

/// What went into a build.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Material {
    /// What role it had, such as `pipelineTask`.
    pub name: Fact<String>,
    /// Where it is from, as it is written.
    pub uri: Fact<String>,
    /// Its package URL in normal form, if the URI is one.
    pub purl: Fact<String>,
    /// Its digests.
    pub digests: Vec<Digest>,
    /// Where it stands.
    pub at: String,
}

/// What a build or task was called with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value: mostly a text, but lists and objects occur.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
    /// Where it stands.
    pub at: String,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It was given, or the format does not tell.
    Given,
    /// It is the default of a specification that is in the document.
    Default,
    /// It refers to something else, `$(params.x)`: what the value was is not said.
    Unresolved,
}

impl Producer {
    pub(super) fn of(build_type: &Fact<String>, builder: &Fact<String>) -> Self {
        let text = |fact: &Fact<String>| fact.value().cloned().unwrap_or_default();
        let (build_type, builder) = (text(build_type), text(builder));
        let rules: [(&str, Self); 14] = [
            ("https://actions.github.io/buildtypes/", Self::GithubActions),
            (
                "https://slsa-framework.github.io/github-actions-buildtypes/",
                Self::GithubActions,
            ),
            ("https://github.com/npm/cli/gha", Self::NpmGithub),
            ("https://github.com/npm/cli/gitlab", Self::NpmGitlab),
            (
                "https://github.com/slsa-framework/slsa-github-generator/",
                Self::SlsaGithubGenerator,
            ),
            (
                "https://slsa.dev/container-based-build/",
                Self::ContainerBased,
            ),
            ("https://cloudbuild.googleapis.com/", Self::GoogleCloudBuild),
            ("https://cloud.google.com/build/", Self::GoogleCloudBuild),
            ("https://tekton.dev/", Self::Tekton),
            ("tekton.dev/", Self::Tekton),
            ("https://chains.tekton.dev/", Self::Tekton),
            ("https://gitlab.com/gitlab-org/gitlab-runner/", Self::Gitlab),
            ("https://mobyproject.org/buildkit", Self::Buildkit),
            ("https://github.com/moby/buildkit/", Self::Buildkit),
        ];
        let by = |written: &str| {
            let mut rules = rules.iter();
            rules.find_map(|(start, producer)| written.starts_with(start).then_some(*producer))
        };
        by(&build_type).or_else(|| by(&builder)).unwrap_or_default()
    }
}

impl Material {
    /// A material or resource descriptor.
    pub(super) fn of(cursor: Cursor<'_>) -> Self {
        let uri = cursor.get("uri").text();
        Self {
            name: cursor.get("name").text(),
            purl: uri.clone().filter_map(|uri| names::purl(&uri)),
            uri,
            digests: cursor.get("digest").digests(),
            at: cursor.at().to_owned(),
        }
    }
}

impl Parameter {
    /// A value by its name.
    pub(super) fn of(name: &str, value: &Cursor<'_>) -> Option<Self> {
        let value_ = value.value()?;
        let unresolved = value_.as_str().is_some_and(|text| text.contains("$("));
        Some(Self {
            name: name.to_owned(),
            value: value_.clone(),
            origin: if unresolved {
                Origin::Unresolved
            } else {
                Origin::Given
            },
            at: value.at().to_owned(),
        })
    }

    /// The members of an object.
    pub(super) fn members(cursor: &Cursor<'_>) -> Fact<Vec<Self>> {
        cursor.fact(|cursor| {
            let members = cursor.members();
            cursor.is_object().then(|| {
                members
                    .filter_map(|(name, value)| Self::of(name, &value))
                    .collect()
            })
        })
    }
}

/// A reference to a container image or a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReference {
    /// Registry and repository in full: `docker.io/library/busybox`.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<Digest>,
}

impl ImageReference {
    /// Reads a reference as Docker, OCI or Kubernetes write it: `oci://HOST/NAME:TAG@sha256:HEX`, `docker-pullable://...`, `busybox`.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.split_once("://").map_or(text, |(_, bare)| bare);
        let (name, digest) = match bare.split_once('@') {
            Some((name, digest)) => (name, Some(Digest::parse(digest)?)),
            None => (bare, None),
        };
        let after_slash = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name.get(after_slash..)?.split_once(':') {
            Some((last, tag)) => (name.get(..after_slash + last.len())?, Some(tag.to_owned())),
            None => (name, None),
        };
        if repository.is_empty() || repository.contains(char::is_whitespace) {
            return None;
        }
        Some(Self {
            repository: in_full(repository),
            tag,
            digest,
        })
    }
}

/// Docker's short names: without a host they are Docker Hub's, without an owner `library`'s.
fn in_full(repository: &str) -> String {
    match repository.split_once('/') {
        None => format!("docker.io/library/{repository}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => {
            repository.to_owned()
        }
        Some(_) => format!("docker.io/{repository}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_references_are_read_in_all_spellings() {
        let hex = "ab".repeat(32);
        let read = |text: &str| {
            let image = ImageReference::parse(text)?;
            Some((
                image.repository,
                image.tag,
                image.digest.map(|digest| digest.value),
            ))
        };
        let hub = || "docker.io/library/busybox".to_owned();
        assert_eq!(read("busybox"), Some((hub(), None, None)));
        assert_eq!(
            read("busybox:1.36"),
            Some((hub(), Some("1.36".to_owned()), None))
        );
        assert_eq!(
            read(&format!("oci://docker.io/library/busybox@sha256:{hex}")),
            Some((hub(), None, Some(hex.clone())))
        );
        assert_eq!(
            read(&format!(
                "docker-pullable://localhost:5000/a/b:v1@sha256:{hex}"
            )),
            Some((
                "localhost:5000/a/b".to_owned(),
                Some("v1".to_owned()),
                Some(hex)
            ))
        );
        assert_eq!(read("org/tool").unwrap().0, "docker.io/org/tool");
        for text in ["", "a b", "oci://", "x@sha256:ab", "@", ":tag"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
