//! What filters mean, and how they reach the server.

use std::sync::Arc;

use http::Uri;
use serde_json::{Value, json};
use treering_server::archivista::query::Endpoint;

use crate::support::{Memory, ask, data, found, message, read, refusal, statement};

fn three() -> Arc<Memory> {
    Memory::of([
        statement("p/a", &[("one", "aa"), ("two", "bb")]),
        statement("p/b", &[("one", "bb")]),
        statement("p/c", &[]),
    ])
}

/// Which of three documents match.
async fn matching(filter: &str) -> Vec<usize> {
    let memory = three();
    let gitoids = memory.gitoids();
    let filter = filter.replace("$0", &gitoids[0]).replace("$1", &gitoids[1]);
    let query = format!("{{ dsses(where: {filter}) {{ edges {{ node {{ gitoidSha256 }} }} }} }}");
    let found = found(&data(memory, &query).await);
    let place = |gitoid| gitoids.iter().position(|other| other == gitoid);
    found.iter().filter_map(place).collect()
}

#[tokio::test]
async fn conditions_are_composed() {
    let digests = |filter: &str| {
        format!("{{hasStatementWith: {{hasSubjectsWith: {{hasSubjectDigestsWith: {filter}}}}}}}")
    };
    let cases = [
        ("{}".to_owned(), vec![0, 1, 2]),
        (r#"{hasStatementWith: {predicate: "p/a"}}"#.to_owned(), vec![0]),
        (r#"{hasStatementWith: {predicateNEQ: "p/a"}}"#.to_owned(), vec![1, 2]),
        (r#"{hasStatementWith: {predicateIn: ["p/a", "p/c"]}}"#.to_owned(), vec![0, 2]),
        (r#"{hasStatementWith: {predicateNotIn: ["p/a", "p/c"]}}"#.to_owned(), vec![1]),
        (r#"{not: {hasStatementWith: {predicate: "p/a"}}}"#.to_owned(), vec![1, 2]),
        (r#"{or: [{gitoidSha256: "$0"}, {gitoidSha256: "$1"}]}"#.to_owned(), vec![0, 1]),
        (r#"{and: [{gitoidSha256: "$0"}, {gitoidSha256: "$1"}]}"#.to_owned(), vec![]),
        (r#"{gitoidSha256In: ["$0", "$1"], gitoidSha256NotIn: ["$0"]}"#.to_owned(), vec![1]),
        (r#"{gitoidSha256NotIn: [], payloadType: "application/vnd.in-toto+json"}"#.to_owned(), vec![0, 1, 2]),
        (r#"{hasStatementWith: {hasDsseWith: {gitoidSha256: "$1"}}}"#.to_owned(), vec![1]),
        (digests(r#"{value: "bb"}"#), vec![0, 1]),
        (digests(r#"{valueIn: ["aa", "cc"], algorithm: "sha256"}"#), vec![0]),
        (digests(r#"{value: "bb", algorithm: "sha1"}"#), vec![]),
        (digests(r#"{not: {value: "bb"}}"#), vec![0]),
        // One subject must have all that is asked of a subject, one digest all that is asked of a digest.
        (r#"{hasStatementWith: {hasSubjectsWith: {name: "one", hasSubjectDigestsWith: {value: "bb"}}}}"#.to_owned(), vec![1]),
        (r#"{hasStatementWith: {hasSubjectsWith: [{name: "one"}, {name: "two"}]}}"#.to_owned(), vec![]),
        (r#"{hasStatementWith: {and: [{hasSubjectsWith: {name: "one"}}, {hasSubjectsWith: {name: "two"}}]}}"#.to_owned(), vec![0]),
        (r#"{hasSignaturesWith: {keyID: "key-one"}}"#.to_owned(), vec![0, 1, 2]),
        (r#"{hasSignaturesWith: {keyIDNEQ: "key-one"}}"#.to_owned(), vec![]),
        (r#"{hasPayloadDigestsWith: {algorithm: "sha512"}}"#.to_owned(), vec![]),
        (r#"{hasStatementWith: {hasAttestationCollectionsWith: {name: "a"}}}"#.to_owned(), vec![]),
        (r#"{not: {hasStatementWith: {hasAttestationCollectionsWith: {nameNEQ: "a"}}}}"#.to_owned(), vec![0, 1, 2]),
    ];
    for (filter, expected) in cases {
        assert_eq!(matching(&filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn texts_compare_exactly() {
    let upper = three().gitoids()[0].to_uppercase();
    for filter in [
        format!(r#"{{gitoidSha256: "{upper}"}}"#),
        r#"{gitoidSha256: "no gitoid"}"#.to_owned(),
        r#"{hasStatementWith: {hasSubjectsWith: {hasSubjectDigestsWith: {value: "BB"}}}}"#
            .to_owned(),
        r#"{hasStatementWith: {predicate: "p/a "}}"#.to_owned(),
    ] {
        assert!(matching(&filter).await.is_empty(), "{filter}");
    }
}

#[tokio::test]
async fn the_catalogue_is_asked_for_no_more_than_the_filter_needs() {
    let memory = three();
    let gitoid = &memory.gitoids()[1];
    let query = format!(r#"{{ dsses(where: {{gitoidSha256: "{gitoid}"}}) {{ totalCount }} }}"#);
    data(memory.clone(), &query).await;
    assert_eq!(memory.given(), 1);
    let query = r#"{ dsses(where: {gitoidSha256: "zz"}) { totalCount } }"#;
    data(memory.clone(), query).await;
    assert_eq!(memory.given(), 1);
    let query = r#"{ subjects(where: {hasSubjectDigestsWith: {value: "aa"}}) { edges { node { name } } } }"#;
    let found = data(memory.clone(), query).await;
    assert_eq!(
        found["subjects"]["edges"],
        json!([{"node": {"name": "one"}}])
    );
    assert_eq!(memory.given(), 2);
}

#[tokio::test]
async fn a_filter_that_says_nothing_is_refused_inside_of_another() {
    for (filter, input) in [
        ("{hasStatementWith: {}}", "StatementWhereInput"),
        (
            "{hasStatementWith: {hasSubjectsWith: {nameIn: []}}}",
            "SubjectWhereInput",
        ),
        ("{not: {gitoidSha256NotIn: null}}", "DsseWhereInput"),
        ("{or: [{}]}", "DsseWhereInput"),
    ] {
        let query = format!("{{ dsses(where: {filter}) {{ totalCount }} }}");
        let refused = refusal(three(), &query).await;
        assert_eq!(
            refused,
            (200, format!("expected a condition in {input}, found none"))
        );
    }
}

#[tokio::test]
async fn mistakes_in_a_query_have_422() {
    for query in [
        "{ dsses(where: {nothing: 1}) { totalCount } }",
        "{ dsses(nothing: 1) { totalCount } }",
        "{ dsses { edges { node { nothing } } } }",
        "{ dsses }",
        "query($a: Int!) { dsses(first: $a) { totalCount } }",
        "{ dsses(first: \"1\") { totalCount } }",
        "query($a: Int = 1) { dsses(first: $a, last: $b) { totalCount } }",
        "mutation { dsses { totalCount } }",
        "{ dsses { totalCount }",
        "",
    ] {
        let (status, answer) = ask(three(), query, json!({})).await;
        assert_eq!(status, 422, "{query}: {answer}");
        assert!(!message(&answer).is_empty());
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap();
        let expected = if matches!(query, "" | "{ dsses { totalCount }") {
            "GRAPHQL_PARSE_FAILED"
        } else {
            "GRAPHQL_VALIDATION_FAILED"
        };
        assert_eq!(code, expected, "{query}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_request_have_400() {
    let endpoint = Endpoint::new(three());
    for body in [
        "",
        "[]",
        "{}",
        "hello",
        r#"{"query": 1}"#,
        r#"{"query": "{a}", "variables": []}"#,
    ] {
        let (status, answer) = read(endpoint.post(body.as_bytes()).await).await;
        assert_eq!(status, 400, "{body}");
        assert!(message(&answer).starts_with("expected a graphql request, found "));
    }
    for uri in ["/query", "/query?query={a}&variables=[]"] {
        let (status, answer) = read(endpoint.get(&Uri::from_static(uri)).await).await;
        assert_eq!(status, 400, "{uri}: {answer}");
    }
}

#[tokio::test]
async fn get_and_post_are_answered_alike() {
    let query = "query a($v: [String!]) { dsses(where: {hasStatementWith: {predicateIn: $v}}) { totalCount edges { cursor node { id } } } } query b { subjects { totalCount } }";
    let variables = json!({"v": ["p/a", "p/c"]});
    let endpoint = Endpoint::new(three());
    let mut answers: Vec<Value> = Vec::new();
    for operation in ["a", "b", "c"] {
        let body = json!({"query": query, "variables": variables, "operationName": operation});
        let posted = read(endpoint.post(body.to_string().as_bytes()).await).await;
        let mut uri = url();
        uri.query_pairs_mut()
            .append_pair("query", query)
            .append_pair("variables", &variables.to_string())
            .append_pair("operationName", operation);
        let uri: Uri = uri.as_str().parse().unwrap();
        let got = read(endpoint.get(&uri).await).await;
        assert_eq!(posted, got);
        answers.push(got.1);
    }
    assert_eq!(answers[0]["data"]["dsses"]["totalCount"], 2);
    assert_eq!(answers[1]["data"]["subjects"]["totalCount"], 3);
    assert_eq!(message(&answers[2]), "Unknown operation named \"c\"");
}

fn url() -> reqwest::Url {
    "http://localhost/query".parse().unwrap()
}
