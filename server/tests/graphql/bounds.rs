//! Requests that ask for too much are refused with words that say what is too much.

use std::sync::Arc;

use http::Uri;
use serde_json::{Value, json};
use treering_server::archivista::query::Endpoint;
use treering_server::archivista::query::limits::MAX_BATCHES;

use crate::support::{Crowded, Memory, ask, data, message, read, refusal, statement};

fn one() -> Arc<Memory> {
    Memory::of([statement("p", &[("a", "aa")])])
}

async fn refused(query: &str) -> (u16, String) {
    let memory = one();
    let refused = refusal(memory.clone(), query).await;
    assert_eq!(
        memory.given(),
        0,
        "refused before anything is read: {query:.100}"
    );
    refused
}

#[tokio::test]
async fn fields_in_one_another() {
    let query = |levels: usize| {
        let open = "{ subjects { edges { node { statement".repeat(levels);
        format!(
            "{{ dsses {{ edges {{ node {{ statement {open} {{ predicate }} {} }} }} }} }}",
            "} } } }".repeat(levels)
        )
    };
    data(one(), &query(2)).await;
    assert_eq!(
        refused(&query(3)).await,
        (422, "Query is nested too deep.".to_owned())
    );
    let (status, message) = refused(&query(50)).await;
    assert_eq!(status, 422);
    assert!(
        message.starts_with("expected at most 48 brackets in one another, found "),
        "{message}"
    );
}

#[tokio::test]
async fn brackets_of_every_kind_in_one_another() {
    for open in ["{", "[", "(", "{a", "{a(b:", "{a(b:[{c:"] {
        let (status, message) = refused(&open.repeat(6_000)).await;
        assert_eq!(status, 422);
        assert!(
            message.starts_with("expected at most 48 brackets in one another"),
            "{message}"
        );
    }
    let hidden = format!("{{ dsses(where: \"\"\" \"{}", "[".repeat(10_000));
    assert_eq!(
        refused(&hidden).await,
        (
            422,
            "expected strings that end, found one that does not".to_owned()
        )
    );
}

#[tokio::test]
async fn aliases() {
    let query = |count: usize| {
        let fields: String = (0..count)
            .map(|n| format!("a{n}: dsses {{ totalCount }} "))
            .collect();
        format!("{{ {fields} }}")
    };
    assert_eq!(data(one(), &query(100)).await["a99"]["totalCount"], 1);
    let expected = "expected at most 200 fields, fragments written out, found 202";
    assert_eq!(refused(&query(101)).await, (422, expected.to_owned()));
}

/// However many fields of however many requests ask: each that reads has documents in memory.
#[tokio::test]
async fn steps_at_once() {
    let crowded = Crowded::new(one());
    let endpoint = Endpoint::new(crowded.clone());
    let fields: String = (0..50)
        .map(|n| format!("a{n}: dsses {{ totalCount }} "))
        .collect();
    let body = json!({"query": format!("{{ {fields} }}")}).to_string();
    let (one, other) = tokio::join!(
        endpoint.post(body.as_bytes()),
        endpoint.post(body.as_bytes())
    );
    for answer in [one, other] {
        let (status, answer) = read(answer).await;
        assert_eq!(
            (status, &answer["data"]["a49"]["totalCount"]),
            (200, &json!(1))
        );
    }
    assert_eq!(crowded.most(), MAX_BATCHES);
}

#[tokio::test]
async fn fragments_that_multiply_or_never_end() {
    let double = |count: usize| {
        let fragments: String = (0..count)
            .map(|n| format!("fragment f{n} on Query {{ ...f{m} ...f{m} }} ", m = n + 1))
            .collect();
        format!("{{ ...f0 }} {fragments} fragment f{count} on Query {{ __typename }}")
    };
    assert_eq!(data(one(), &double(3)).await["__typename"], "Query");
    let expected = "expected at most 200 fields, fragments written out, found ";
    let (status, message) = refused(&double(10)).await;
    assert_eq!(status, 422);
    assert!(message.starts_with(expected), "{message}");
    let expected = "expected at most 16 fragments in one another, found more";
    for query in [
        double(1000),
        "{ ...a } fragment a on Query { ...a ...a }".to_owned(),
    ] {
        assert_eq!(refused(&query).await.0, 422);
    }
    let chain: String = (0..17)
        .map(|n| format!("fragment f{n} on Query {{ ...f{} }} ", n + 1))
        .collect();
    let chain = format!("{{ ...f0 }} {chain} fragment f17 on Query {{ __typename }}");
    assert_eq!(refused(&chain).await, (422, expected.to_owned()));
    let unknown = double(1000).replace("f1000", "f0x");
    assert_eq!(refused(&unknown).await.0, 422);
}

#[tokio::test]
async fn a_megabyte() {
    let endpoint = Endpoint::new(one());
    let body = json!({"query": format!("{{ dsses {{ totalCount }} }}{}", " ".repeat(1 << 20))})
        .to_string();
    let (status, answer) = read(endpoint.post(body.as_bytes()).await).await;
    assert_eq!(status, 413);
    assert_eq!(
        message(&answer),
        format!(
            "expected a query of at most 65536 bytes, found {}",
            body.len()
        )
    );
    let values: Vec<_> = (0..100_000).map(|n| n.to_string()).collect();
    let query = "query($v: [String!]) { dsses(where: {gitoidSha256In: $v}) { totalCount } }";
    let (status, answer) = ask(one(), query, json!({"v": values})).await;
    assert_eq!(status, 413);
    assert!(message(&answer).starts_with("expected a query of at most 65536 bytes"));
    // A URI holds at most 65,534 bytes, of which the path is one part.
    let uri = format!("/query?query={{a}}&b={}", "b".repeat(65_000));
    let uri: Uri = uri.parse().unwrap();
    assert_eq!(read(endpoint.get(&uri).await).await.0, 422);
}

#[tokio::test]
async fn lists() {
    let query = "query($v: [String!]) { dsses(where: {gitoidSha256NotIn: $v}) { totalCount } }";
    let values = |count: usize| json!({"v": (0..count).map(|n| n.to_string()).collect::<Vec<_>>()});
    let (_, answer) = ask(one(), query, values(1000)).await;
    assert_eq!(answer["data"]["dsses"]["totalCount"], 1);
    let (status, answer) = ask(one(), query, values(1001)).await;
    assert_eq!(
        (status, message(&answer).as_str()),
        (200, "expected a list of at most 1000 values, found 1001")
    );
    let filters = "{predicate: \"p\"} ".repeat(1001);
    let query = format!("{{ dsses(where: {{hasStatementWith: [{filters}]}}) {{ totalCount }} }}");
    assert_eq!(
        refused(&query).await,
        (
            200,
            "expected a list of at most 1000 values, found 1001".to_owned()
        )
    );
}

#[tokio::test]
async fn filters_in_one_another() {
    let nested = |levels: usize| {
        (0..levels).fold(json!({"payloadType": "a"}), |inner, level| {
            match level % 3 {
                0 => json!({"not": inner}),
                1 => json!({"and": [inner]}),
                _ => json!({"or": [inner]}),
            }
        })
    };
    let query = "query($w: DsseWhereInput) { dsses(where: $w) { totalCount } }";
    let (status, answer) = ask(one(), query, json!({"w": nested(15)})).await;
    assert_eq!(
        (status, &answer["data"]["dsses"]["totalCount"]),
        (200, &json!(1))
    );
    let (status, answer) = ask(one(), query, json!({"w": nested(16)})).await;
    assert_eq!(
        (status, message(&answer).as_str()),
        (
            200,
            "expected at most 16 filters in one another, found more"
        )
    );
    let not = |levels: usize| {
        (0..levels).fold(
            json!({"payloadType": "a"}),
            |inner, _| json!({"not": inner}),
        )
    };
    let (status, answer) = ask(one(), query, json!({"w": not(46)})).await;
    assert_eq!(
        (status, message(&answer).as_str()),
        (
            200,
            "expected at most 16 filters in one another, found more"
        )
    );
    let (status, answer) = ask(one(), query, json!({"w": not(47)})).await;
    assert_eq!(
        (status, message(&answer).as_str()),
        (422, "expected at most 48 brackets in one another, found 49")
    );
    let deep = format!("{}1{}", r#"{"not":"#.repeat(2000), "}".repeat(2000));
    let body = format!(r#"{{"query":"{query}","variables":{{"w":{deep}}}}}"#);
    let answer = Endpoint::new(one()).post(body.as_bytes()).await;
    let (status, answer) = read(answer).await;
    assert_eq!(status, 400);
    assert!(
        message(&answer).contains("recursion limit exceeded"),
        "{answer}"
    );
}

#[tokio::test]
async fn introspection() {
    for query in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"Dsse\") { name } }",
        "{ ...f } fragment f on Query { a: __schema { types { name } } }",
    ] {
        assert_eq!(
            refused(query).await,
            (200, "introspection disabled".to_owned())
        );
    }
}

#[tokio::test]
async fn documents_looked_at() {
    let document = statement("p", &[]);
    let most = Memory::repeated(&document, 10_000);
    assert_eq!(
        data(most.clone(), "{ dsses { totalCount } }").await["dsses"]["totalCount"],
        10_000
    );
    let expected = "expected a query that looks at no more than 10000 documents, found more: \
                    narrow it by gitoidSha256 or by the digests of subjects";
    // All fields of a request together.
    let query = "{ a: dsses { totalCount } dsses(first: 1) { edges { node { id } } } }";
    assert_eq!(refusal(most, query).await, (200, expected.to_owned()));
    let over = Memory::repeated(&document, 10_001);
    for query in [
        "{ dsses { totalCount } }",
        "{ dsses(where: {payloadType: \"other\"}) { edges { node { id } } } }",
        "{ subjects(first: 1) { pageInfo { hasNextPage } edges { node { name } } } }",
    ] {
        assert_eq!(
            refusal(over.clone(), query).await,
            (200, expected.to_owned())
        );
    }
}

#[tokio::test]
async fn conditions_tested() {
    let names: Vec<_> = (0..4000).map(|n| n.to_string()).collect();
    let subjects: Vec<_> = names.iter().map(|name| (name.as_str(), "aa")).collect();
    let memory = Memory::of([statement("p", &subjects)]);
    let query = "{ dsses(where: {hasStatementWith: {hasSubjectsWith: {hasStatementWith: {hasSubjectsWith: {name: \"none\"}}}}}) { totalCount } }";
    let (status, message) = refusal(memory, query).await;
    assert_eq!(status, 200);
    assert_eq!(
        message,
        "expected a filter that tests at most 10000000 conditions, found more: narrow it"
    );
}

#[tokio::test]
async fn bytes_held_and_bytes_answered() {
    let name = "n".repeat(1 << 20);
    let memory = Memory::repeated(&statement("p", &[(&name, "aa")]), 70);
    let query = "{ dsses { edges { node { id } } } }";
    let (status, message) = refusal(memory.clone(), query).await;
    assert_eq!(status, 200);
    assert!(
        message.starts_with("expected at most 67108864 bytes of documents on a page"),
        "{message}"
    );
    // What is only counted is not held.
    assert_eq!(
        data(memory.clone(), "{ dsses { totalCount } }").await["dsses"]["totalCount"],
        70
    );
    let names = |aliases: usize| {
        let fields: String = (0..aliases).map(|n| format!("a{n}: name ")).collect();
        format!("{{ subjects(first: 2) {{ edges {{ node {{ {fields} }} }} }} }}")
    };
    let fits = data(memory.clone(), &names(7)).await;
    assert_eq!(
        fits["subjects"]["edges"][1]["node"]["a6"],
        Value::from(name)
    );
    let (status, message) = refusal(memory, &names(20)).await;
    assert_eq!(status, 200);
    assert!(
        message.starts_with("expected an answer of at most 16777216 bytes, found more"),
        "{message}"
    );
}
