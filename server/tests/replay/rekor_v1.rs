//! All that rekor-server v1.5.4 was asked.

use super::corpus::{Case, cases};
use super::differences::{DIFFERENCES, Difference};
use super::proofs::Proofs;
use super::state::State;
use super::support::{Answer, Asked, Running};
use super::template::{compare, is_error};

async fn ask(server: &Running, state: &State, case: &Case) -> Answer {
    let headers = case.request.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), state.fill(value)));
    let asked = Asked {
        method: &case.request.method,
        path: &state.fill(&case.request.path),
        headers: headers.collect(),
        body: case.request.body(state),
        chunked: case.request.chunked,
    };
    server.send(asked).await
}

/// Checks an answer that differs on purpose, by what was found to differ.
fn on_purpose(case: &Case, difference: &Difference, answer: &Answer, found: &[String]) {
    let all = format!("{}: {found:?}: {}", case.id, answer.text());
    assert!(!found.is_empty(), "{all}");
    for found in found {
        assert!(found.starts_with(difference.place), "{all}");
    }
    let said = answer.text() + &found.join("\n");
    assert!(said.contains(difference.says), "{all}");
    assert_eq!(answer.status, difference.status, "{all}");
    assert_eq!(is_error(answer), difference.error, "{all}");
    let accept = &case.expect.accept;
    assert!(
        accept.is_empty() || accept.contains(&answer.status),
        "{accept:?}: {all}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_request_is_answered_as_it_was() {
    let server = Running::start().await;
    let cases = cases();
    let mut state = State::of(&server).await;
    let mut proofs = Proofs::default();
    let mut wrong = Vec::new();
    for case in &cases {
        let answer = ask(&server, &state, case).await;
        assert!(answer.status < 500, "{}: {}", case.id, answer.text());
        state.answered(case, &answer);
        let found = compare(&state, case, &answer);
        match DIFFERENCES.iter().find(|known| known.case == case.id) {
            Some(difference) => on_purpose(case, difference, &answer, &found),
            None => wrong.extend(found.iter().map(|found| format!("{}: {found}", case.id))),
        }
        if let Some(json) = answer.json() {
            proofs.check(&state, &state.fill(&case.request.path), &json);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((cases.len(), state.created), (512, 94));
    assert_eq!(
        (proofs.entries, proofs.heads, proofs.consistency),
        (150, 11, 10)
    );
    assert!(server.stop().await);
}
