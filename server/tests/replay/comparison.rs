//! That what is compared would be found if it differed.

use http::HeaderValue;
use serde_json::{Value, json};

use super::corpus::{Case, cases};
use super::replay::ask;
use super::state::State;
use super::support::{Answer, Running};
use super::template::compare;

/// An answer with something else in its body.
fn altered(answer: &Answer, pointer: &str, value: Option<Value>) -> Answer {
    let mut body = answer.json().unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    Answer {
        body: body.to_string().into(),
        ..answer.clone()
    }
}

/// Answers that are wrong in one place each.
fn wrong(answer: &Answer) -> Vec<(String, Answer)> {
    let entries = answer.json().unwrap();
    let id = entries.as_object().unwrap().keys().next().unwrap().clone();
    let proof = format!("/{id}/verification/inclusionProof");
    let values = [
        (format!("/{id}/body"), json!("e30=")),
        (format!("/{id}/logIndex"), json!(7)),
        (format!("/{id}/logID"), json!("00")),
        (format!("/{id}/integratedTime"), json!("1")),
        (format!("/{id}/attestation"), json!({})),
        (format!("{proof}/treeSize"), json!(7)),
        (format!("{proof}/rootHash"), json!("00")),
        (format!("{proof}/hashes"), json!(["00"])),
        (format!("{proof}/checkpoint"), json!("")),
        (format!("/{}", id.replace('d', "e")), json!({})),
    ];
    let values = values.into_iter().map(|(at, value)| {
        let answer = altered(answer, &at, Some(value));
        (at, answer)
    });
    let removed = [
        format!("/{id}"),
        format!("/{id}/verification/signedEntryTimestamp"),
    ];
    let removed = removed.into_iter().map(|at| {
        let answer = altered(answer, &at, None);
        (at, answer)
    });
    let headers = ["content-type", "location", "etag"].map(|name| {
        let mut answer = answer.clone();
        answer.headers.insert(name, HeaderValue::from_static("x"));
        (name.to_owned(), answer)
    });
    let mut status = answer.clone();
    status.status = 200;
    let status = ("status".to_owned(), status);
    values
        .chain(removed)
        .chain(headers)
        .chain([status])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_of_an_entry_is_found() {
    let server = Running::start().await;
    let mut state = State::of(&server).await;
    let creating = |case: &Case| case.creates;
    let case = cases().into_iter().find(creating).unwrap();
    let answer = ask(&server, &state, &case).await;
    state.answered(&case, &answer);
    assert_eq!(compare(&state, &case, &answer), Vec::<String>::new());
    let wrong = wrong(&answer);
    assert_eq!(wrong.len(), 16);
    for (place, answer) in wrong {
        assert_ne!(
            compare(&state, &case, &answer),
            Vec::<String>::new(),
            "{place}"
        );
    }
    assert!(server.stop().await);
}
