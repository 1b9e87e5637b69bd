//! Provenance of SLSA's source track: how a commit, or a tag, came to be where it is. The commit itself is the subject.

use super::cursor::Cursor;
use super::provenance::repository;
use super::{Fact, Facts};

pub(super) fn extract(predicate: &Cursor<'_>, facts: &mut Facts) {
    let uri = predicate.any(&["repo_uri", "repoUri"]).text();
    let build = &mut facts.build;
    build.repository = uri.filter_map(|uri| Some(repository(&uri).0));
    build.reference = predicate.any(&["branch", "tag"]).text();
    build.trigger = predicate.any(&["activity_type", "activityType"]).text();
    build.started = predicate.any(&["created_on", "createdOn"]).text();
    let commits = facts.subjects.iter().flat_map(|subject| {
        let at = format!("{}/digest", subject.at);
        let digests = subject.digests.iter();
        let commits = digests.filter(|digest| digest.algorithm == "gitCommit");
        commits.map(move |commit| Fact::stated(commit.value.clone(), at.clone()))
    });
    facts.build.commit = Fact::all(commits);
}
