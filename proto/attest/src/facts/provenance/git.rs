//! Which of the things that went into a build is its source, and what they say about repository, commit and reference together.

use crate::facts::build::{Build, Material};
use crate::facts::cursor::Cursor;
use crate::facts::digests::Digest;
use crate::facts::fact::Fact;

/// A repository in the form in which facts have it, and the reference behind it: `git+https://HOST/O/R.git@refs/heads/main`,
/// `https://HOST/O/R.git#main`.
pub(in crate::facts) fn repository(uri: &str) -> (String, Option<String>) {
    let bare = uri.strip_prefix("git+").unwrap_or(uri);
    let host = bare.find("://").map_or(0, |scheme| scheme + 3);
    // Before the path, `@` names a user.
    let path = bare.get(host..).and_then(|rest| rest.find(['/', ':']));
    let path = path.map_or(bare.len(), |slash| host + slash);
    let end = bare.get(path..).and_then(|path| path.find(['@', '#']));
    let end = end.map_or(bare.len(), |sign| path + sign);
    let (repository, rest) = bare.split_at_checked(end).unwrap_or((bare, ""));
    let repository = repository.trim_end_matches('/');
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    let reference = rest.get(1..).filter(|reference| !reference.is_empty());
    (repository.to_owned(), reference.map(str::to_owned))
}

/// The commit among digests: `gitCommit` (v1), `sha1` (v0.2, Tekton), and 40 digits that GitLab calls `sha256`.
fn commit(digests: &[Digest]) -> impl Iterator<Item = &str> {
    let is_commit = |digest: &&Digest| match digest.algorithm.as_str() {
        "gitCommit" | "sha1" => true,
        "sha256" => digest.value.len() == 40,
        _ => false,
    };
    digests
        .iter()
        .filter(is_commit)
        .map(|digest| digest.value.as_str())
}

/// What says where the source is.
#[derive(Default)]
pub(in crate::facts) struct Source {
    /// What the invocation says: it decides which of the inputs is the source.
    repository: Fact<String>,
    reference: Fact<String>,
    commit: Fact<String>,
    /// Inputs of git.
    inputs: Vec<Input>,
}

struct Input {
    repository: Fact<String>,
    reference: Fact<String>,
    commit: Fact<String>,
}

impl Source {
    /// A place that names the source: its URI may carry the reference, digests beside it the commit.
    pub(in crate::facts) fn invoked(&mut self, uri: &Cursor<'_>, digests: &Cursor<'_>) {
        self.invoked_as(uri.text(), &digests.digests(), digests.at());
    }

    /// As [`invoked`](Self::invoked), of values that were read before.
    pub(in crate::facts) fn invoked_as(&mut self, uri: Fact<String>, digests: &[Digest], at: &str) {
        let reference = uri.clone().filter_map(|uri| repository(&uri).1);
        let uri = uri.filter_map(|uri| Some(repository(&uri).0));
        self.repository = Fact::all([std::mem::take(&mut self.repository), uri]);
        self.reference = Fact::all([std::mem::take(&mut self.reference), reference]);
        self.commit = std::mem::take(&mut self.commit).and(commits(digests, at));
    }

    /// A place that states the reference.
    pub(in crate::facts) fn referenced(&mut self, reference: Fact<String>) {
        self.reference = std::mem::take(&mut self.reference).and(reference);
    }

    /// A place that states the commit.
    pub(in crate::facts) fn committed(&mut self, commit: Fact<String>) {
        self.commit = std::mem::take(&mut self.commit).and(commit);
    }

    /// Whether some place names the source.
    pub(in crate::facts) fn is_invoked(&self) -> bool {
        !self.repository.is_unknown()
    }

    /// What went in: those of git count.
    pub(in crate::facts) fn inputs<'m>(
        &mut self,
        materials: impl IntoIterator<Item = &'m Material>,
    ) {
        let inputs = materials.into_iter().filter(|material| is_git(material));
        self.inputs.extend(inputs.map(Input::of));
    }

    /// What all that says together. Inputs from the repository that the invocation names agree with it or make the commit
    /// ambiguous; if no input is from there, repository and inputs contradict each other.
    pub(in crate::facts) fn settle(self, build: &mut Build) {
        let from_there = |input: &&Input| match self.repository.value() {
            Some(named) => input.repository.is(named),
            None => true,
        };
        let of_source: Vec<&Input> = self.inputs.iter().filter(from_there).collect();
        let all = |part: fn(&Input) -> &Fact<String>, inputs: &[&Input]| {
            Fact::all(inputs.iter().map(|input| part(input).clone()))
        };
        let everything: Vec<&Input> = self.inputs.iter().collect();
        let inputs = if of_source.is_empty() {
            &everything
        } else {
            &of_source
        };
        let repositories = all(|input| &input.repository, inputs);
        let commits = all(|input| &input.commit, inputs);
        let references = all(|input| &input.reference, inputs);
        build.repository = self.repository.and(repositories);
        build.commit = self.commit.and(commits);
        build.reference = self.reference.and(references);
    }
}

impl Input {
    fn of(material: &Material) -> Self {
        let uri = material.uri.clone();
        Self {
            repository: uri.clone().filter_map(|uri| Some(repository(&uri).0)),
            reference: uri.filter_map(|uri| repository(&uri).1),
            commit: commits(&material.digests, &format!("{}/digest", material.at)),
        }
    }
}

fn commits(digests: &[Digest], at: &str) -> Fact<String> {
    Fact::all(commit(digests).map(|value| Fact::stated(value.to_owned(), at)))
}

/// Whether an input is a repository of git, by its URI or by the name of its digest.
pub(super) fn is_git(material: &Material) -> bool {
    let Some(uri) = material.uri.value() else {
        return false;
    };
    let by_uri = uri.starts_with("git+") || uri.starts_with("git://") || uri.starts_with("git@");
    let by_name = uri
        .split(['@', '#'])
        .any(|part| part.trim_end_matches('/').ends_with(".git"));
    let by_digest = material.digests.iter().any(|digest| {
        digest.algorithm == "gitCommit"
            || (digest.algorithm == "sha256" && digest.value.len() == 40)
    });
    by_uri || by_name || by_digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_one_form() {
        for (uri, plain, reference) in [
            (
                "git+https://github.com/o/r@refs/tags/v1",
                "https://github.com/o/r",
                Some("refs/tags/v1"),
            ),
            ("https://github.com/o/r.git", "https://github.com/o/r", None),
            ("https://github.com/o/r/", "https://github.com/o/r", None),
            (
                "git+ssh://git@github.com/o/r.git@main",
                "ssh://git@github.com/o/r",
                Some("main"),
            ),
            (
                "https://github.com/o/r.git#refs/heads/main",
                "https://github.com/o/r",
                Some("refs/heads/main"),
            ),
            ("git@github.com:o/r.git", "git@github.com:o/r", None),
            (
                "git+gitspam.spam/spam/spam.git",
                "gitspam.spam/spam/spam",
                None,
            ),
            ("git+https://h", "https://h", None),
            ("", "", None),
            ("@", "@", None),
            ("git+https://h/p@", "https://h/p", None),
        ] {
            let expected = (plain.to_owned(), reference.map(str::to_owned));
            assert_eq!(repository(uri), expected, "{uri}");
        }
    }
}
