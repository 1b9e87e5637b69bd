//! Pages: every item once, in order, and an honest end.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::support::{Memory, data, found, refusal, statement};

fn seven() -> Arc<Memory> {
    let subject = |n: usize| format!("s{n}");
    let documents = (0..7).map(|n| match n % 3 {
        0 => statement("p/third", &[(&subject(n), "aa"), ("x", "bb"), ("y", "aa")]),
        _ => statement("p/other", &[(&subject(n), "aa")]),
    });
    Memory::of(documents)
}

fn page(arguments: &str) -> String {
    format!(
        "{{ dsses({arguments}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} \
         edges {{ cursor node {{ gitoidSha256 }} }} }} }}"
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn forward_through_all_of_it() {
    let memory = seven();
    let (mut all, mut after) = (Vec::new(), String::new());
    for (count, more) in [(3, true), (3, true), (1, false)] {
        let data = data(memory.clone(), &page(&format!("first: 3 {after}"))).await;
        let info = &data["dsses"]["pageInfo"];
        assert_eq!(info["hasNextPage"], more);
        assert_eq!(info["hasPreviousPage"], !after.is_empty());
        assert_eq!(data["dsses"]["totalCount"], 7);
        let page = found(&data);
        assert_eq!(page.len(), count);
        assert_eq!(info["startCursor"], data["dsses"]["edges"][0]["cursor"]);
        all.extend(page);
        after = format!("after: \"{}\"", text(&info["endCursor"]));
    }
    assert_eq!(all, memory.gitoids());
    let nothing = data(memory, &page(&format!("first: 3 {after}"))).await;
    assert_eq!(nothing["dsses"]["pageInfo"]["endCursor"], Value::Null);
    assert!(found(&nothing).is_empty());
}

#[tokio::test]
async fn backward_and_between() {
    let memory = seven();
    let gitoids = memory.gitoids();
    let all = data(memory.clone(), &page("first: 7")).await;
    let cursor = |n: usize| text(&all["dsses"]["edges"][n]["cursor"]).to_owned();
    let cases = [
        ("last: 2".to_owned(), 5..7, (false, true)),
        (
            format!("last: 2 before: \"{}\"", cursor(5)),
            3..5,
            (true, true),
        ),
        (
            format!("last: 9 before: \"{}\"", cursor(2)),
            0..2,
            (true, false),
        ),
        (
            format!("after: \"{}\" before: \"{}\"", cursor(1), cursor(4)),
            2..4,
            (true, true),
        ),
        ("first: 0".to_owned(), 0..0, (true, false)),
        ("last: 7".to_owned(), 0..7, (false, false)),
    ];
    for (arguments, expected, (next, previous)) in cases {
        let data = data(memory.clone(), &page(&arguments)).await;
        assert_eq!(found(&data), gitoids[expected], "{arguments}");
        assert_eq!(data["dsses"]["totalCount"], 7);
        let info = &data["dsses"]["pageInfo"];
        assert_eq!(
            (&info["hasNextPage"], &info["hasPreviousPage"]),
            (&next.into(), &previous.into()),
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn a_page_looks_no_further_than_it_must_unless_the_total_is_asked() {
    let memory = Memory::repeated(&statement("p", &[]), 300);
    data(
        memory.clone(),
        "{ dsses(first: 3) { pageInfo { hasNextPage } edges { node { id } } } }",
    )
    .await;
    assert!(memory.given() < 100, "{}", memory.given());
    let before = memory.given();
    let data = data(
        memory.clone(),
        "{ dsses(first: 3) { totalCount edges { node { id } } } }",
    )
    .await;
    assert_eq!(data["dsses"]["totalCount"], 300);
    assert_eq!(memory.given() - before, 300);
}

#[tokio::test]
async fn subjects_of_all_documents_page_within_documents_too() {
    let memory = seven();
    for total in ["", "totalCount"] {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let query = format!(
                "{{ subjects(first: 2 {after} where: {{hasSubjectDigestsWith: {{value: \"aa\"}}}}) \
                 {{ {total} pageInfo {{ hasNextPage endCursor }} edges {{ node {{ name }} }} }} }}"
            );
            let data = data(memory.clone(), &query).await;
            let page = &data["subjects"];
            let edges = page["edges"].as_array().unwrap();
            names.extend(
                edges
                    .iter()
                    .map(|edge| text(&edge["node"]["name"]).to_owned()),
            );
            if !total.is_empty() {
                assert_eq!(page["totalCount"], 10);
            }
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = format!("after: \"{}\"", text(&page["pageInfo"]["endCursor"]));
        }
        assert_eq!(
            names,
            ["s0", "y", "s1", "s2", "s3", "y", "s4", "s5", "s6", "y"]
        );
    }
}

#[tokio::test]
async fn subjects_of_one_statement_page() {
    let memory = Memory::of([statement("p", &[("a", "1"), ("b", "2"), ("c", "3")])]);
    let (mut names, mut after) = (Vec::new(), String::new());
    for more in [true, true, false] {
        let query = format!(
            "{{ dsses {{ edges {{ node {{ statement {{ subjects(first: 1 {after}) \
             {{ totalCount pageInfo {{ hasNextPage endCursor }} edges {{ node {{ name }} }} }} }} }} }} }} }}"
        );
        let data = data(memory.clone(), &query).await;
        let page = &data["dsses"]["edges"][0]["node"]["statement"]["subjects"];
        assert_eq!(page["totalCount"], 3);
        assert_eq!(page["pageInfo"]["hasNextPage"], more);
        names.push(text(&page["edges"][0]["node"]["name"]).to_owned());
        after = format!("after: \"{}\"", text(&page["pageInfo"]["endCursor"]));
    }
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn arguments_that_make_no_page_are_refused() {
    for (arguments, expected) in [
        ("first: -1", "expected first from 0 to 1000, found -1"),
        ("first: 1001", "expected first from 0 to 1000, found 1001"),
        ("last: 1001", "expected last from 0 to 1000, found 1001"),
        ("first: 1 last: 1", "expected first or last, found both"),
        (
            "after: \"!\"",
            "expected a cursor of this list in after, found another",
        ),
        (
            "before: \"AAAAAAAAAAk=\"",
            "expected a cursor of this list in before, found another",
        ),
        (
            "after: \"AAAAAAAAAAk=\"",
            "expected a cursor of this list in after, found another",
        ),
    ] {
        let refused = refusal(seven(), &page(arguments)).await;
        assert_eq!(refused, (200, expected.to_owned()), "{arguments}");
    }
    let query = "{ dsses(after: \"AA==\") { edges { cursor } } }";
    let (_, message) = refusal(seven(), query).await;
    assert_eq!(
        message,
        "expected a cursor that came with an earlier answer, found another"
    );
    let query = "{ subjects(after: \"AAAA\") { edges { cursor } } }";
    let (_, message) = refusal(seven(), query).await;
    assert_eq!(
        message,
        "expected a cursor of this list in after, found another"
    );
}

#[tokio::test]
async fn no_page_ends_in_silence() {
    let document: Bytes = statement("p", &[]);
    let edges = "{ dsses { edges { node { gitoidSha256 } } } }";
    let full = Memory::repeated(&document, 1000);
    assert_eq!(found(&data(full.clone(), edges).await), full.gitoids());
    let over = Memory::repeated(&document, 1001);
    let (status, message) = refusal(over.clone(), edges).await;
    assert_eq!(status, 200);
    assert!(
        message.starts_with(
            "expected at most 1000 matches where neither first nor pageInfo is asked for"
        ),
        "{message}"
    );
    let query = "{ dsses { pageInfo { hasNextPage } edges { node { gitoidSha256 } } } }";
    let data = data(over.clone(), query).await;
    assert_eq!(data["dsses"]["pageInfo"]["hasNextPage"], true);
    assert_eq!(found(&data), over.gitoids()[..1000]);
}
