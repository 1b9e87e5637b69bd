//! Sends cases in their order, and compares.

use super::corpus::Case;
use super::differences::Difference;
use super::proofs::Proofs;
use super::state::State;
use super::support::{Answer, Asked, Running};
use super::template::{compare, is_error};

pub(crate) async fn ask(server: &Running, state: &State, case: &Case) -> Answer {
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

/// Asks a new server for all of these, and returns what its answers proved.
///
/// # Panics
/// If one answer differs from what was recorded and not as it may, or is a 5xx.
pub(crate) async fn replay(server: &Running, cases: &[Case], known: &[Difference]) -> Proofs {
    let mut state = State::of(server).await;
    let mut proofs = Proofs::default();
    let mut wrong = Vec::new();
    for case in cases {
        let answer = ask(server, &state, case).await;
        assert!(answer.status < 500, "{}: {}", case.id, answer.text());
        state.answered(case, &answer);
        let found = compare(&state, case, &answer);
        match known.iter().find(|known| known.case == case.id) {
            Some(difference) => on_purpose(case, difference, &answer, &found),
            None => wrong.extend(found.iter().map(|found| format!("{}: {found}", case.id))),
        }
        if let Some(json) = answer.json() {
            proofs.check(&state, &state.fill(&case.request.path), &json);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    proofs
}
