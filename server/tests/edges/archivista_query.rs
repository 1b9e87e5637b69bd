//! Queries over what the logs have and what is held.

use http::{Request, StatusCode};
use serde_json::{Value, json};
use treering_tlog::Hash;

use super::archivista_support::{
    Key, Tool, envelope, gitoid, log_dsse, metric, promoted, start, statement, upload, uploaded,
};
use super::support::{Answer, Running};

macro_rules! recorded {
    ($name:literal) => {
        serde_json::from_str::<Tool>(include_str!(concat!(
            "../vectors/archivista/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

async fn query(server: &Running, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables}).to_string();
    let request = Request::post(format!("{}/query", server.url()));
    let request = request.header("content-type", "application/json");
    let answer = server.send(request, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.json()
}

/// The gitoids of documents about a subject with this digest, in their order.
async fn about(server: &Running, digest: &str) -> Vec<String> {
    let text = "query($digest: String!) { dsses(where: {hasStatementWith: {hasSubjectsWith: {hasSubjectDigestsWith: {value: $digest}}}}) { edges { node { gitoidSha256 } } } }";
    gitoids(&query(server, text, json!({"digest": digest})).await)
}

fn gitoids(answer: &Value) -> Vec<String> {
    let edges = answer["data"]["dsses"]["edges"].as_array().unwrap();
    edges
        .iter()
        .map(|edge| edge["node"]["gitoidSha256"].as_str().unwrap().to_owned())
        .collect()
}

/// All documents, on pages of two.
async fn paged(server: &Running) -> Vec<String> {
    let text = "query($after: Cursor) { dsses(first: 2, after: $after) { edges { node { gitoidSha256 } } pageInfo { hasNextPage endCursor } } }";
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = query(server, text, json!({"after": after})).await;
        all.extend(gitoids(&answer));
        let page = &answer["data"]["dsses"]["pageInfo"];
        if page["hasNextPage"] == false {
            return all;
        }
        after = page["endCursor"].clone();
    }
}

/// The same but for the order, in which the real server has its keys and we have the statement's.
fn same(answer: &Answer, recorded: &str) {
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    assert_eq!(sorted(answer.json()), sorted(recorded));
}

fn sorted(mut answer: Value) -> Value {
    let lists = answer["data"].as_object_mut().unwrap().values_mut();
    for edges in lists.filter_map(|list| list["edges"].as_array_mut()) {
        edges.sort_by_key(Value::to_string);
    }
    answer
}

/// The recorded searches of archivistactl and go-witness find here what they found there, held as it is.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_searches_find_what_was_uploaded() {
    let server = start().await;
    let store = recorded!("archivistactl-store");
    assert_eq!(
        store.exchanges[0].replay(&server).await.status,
        StatusCode::OK
    );
    let tools = [
        recorded!("archivistactl-search"),
        recorded!("archivistactl-search-nothing"),
        recorded!("archivistactl-retrieve-subjects"),
    ];
    for exchange in tools.iter().flat_map(|tool| &tool.exchanges) {
        let answer = exchange.replay(&server).await;
        same(&answer, &exchange.response.as_ref().unwrap().body);
    }
    let witness = recorded!("witness-client");
    let mut searched = 0;
    for exchange in witness.exchanges {
        match exchange.request.path.as_str() {
            "/upload" if exchange.request.body.contains("\"sig\"") => {
                assert_eq!(exchange.replay(&server).await.status, StatusCode::OK);
            }
            // The others ask for all that the real server had.
            "/query" if exchange.request.body.contains("$") => {
                let answer = exchange.replay(&server).await;
                same(&answer, &exchange.response.as_ref().unwrap().body);
                searched += 1;
            }
            _ => {}
        }
    }
    assert_eq!(searched, 8);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_entries_and_what_is_held_are_found_and_paged() {
    let (server, key, stranger) = (start().await, Key::new(3), Key::new(4));
    let logged: Vec<_> = (0..3)
        .map(|n| key.envelope(&statement(&n.to_string())))
        .collect();
    for envelope in &logged {
        assert_eq!(
            log_dsse(&server, envelope, &[&key]).await.status,
            StatusCode::CREATED
        );
    }
    // Another spelling of the second, and one more about the same subject that nobody knows the key of.
    let again = super::archivista_support::encoded_again(&logged[1]);
    uploaded(&server, &again).await;
    let held = stranger.envelope(&statement("1"));
    uploaded(&server, &held).await;
    let policy = "https://witness.testifysec.com/policy/v0.1";
    let policy = envelope(policy, "{}", &[stranger.signature(policy, "{}", "")]);
    uploaded(&server, &policy).await;

    let mut expected: Vec<_> = [&logged[0], &logged[2]]
        .map(|envelope| gitoid(envelope))
        .into();
    let mut middle = [gitoid(&logged[1]), gitoid(&again)];
    middle.sort();
    expected.splice(1..1, middle.clone());
    let all = paged(&server).await;
    assert_eq!(all[..4], expected);
    let mut rest = all[4..].to_vec();
    rest.sort();
    let mut unknown = vec![gitoid(&held), gitoid(&policy)];
    unknown.sort();
    assert_eq!(rest, unknown);

    let digest = Hash::of(b"1").to_hex();
    let found = about(&server, &digest).await;
    assert_eq!(found, [middle.to_vec(), vec![gitoid(&held)]].concat());
    assert_eq!(
        about(&server, &Hash::of(b"9").to_hex()).await,
        Vec::<String>::new()
    );
    let one = query(
        &server,
        "query($g: String!) { dsses(where: {gitoidSha256: $g}) { edges { node { gitoidSha256 } } } }",
        json!({"g": gitoid(&policy)}),
    );
    assert_eq!(gitoids(&one.await), [gitoid(&policy)]);

    // Promoted, it is still one document.
    stranger.introduce(&server).await;
    promoted(&server, &held).await;
    let mut found = about(&server, &digest).await;
    found.sort();
    let mut same = [middle.to_vec(), vec![gitoid(&held)]].concat();
    same.sort();
    assert_eq!(found, same);
    assert!(server.stop().await);
}

/// A digest is found by its value, whatever its algorithm.
#[tokio::test(flavor = "multi_thread")]
async fn digests_of_unusual_algorithms_are_found() {
    let (server, key) = (start().await, Key::new(3));
    let digests = [
        ("swhid", "swh:1:cnt:ab"),
        ("gitoid:sha256", "gitoid:blob:sha256:cd"),
        ("gitCommit", "ef"),
    ];
    for (number, (algorithm, value)) in digests.into_iter().enumerate() {
        let payload = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "a",
            "subject": [{"name": "a", "digest": {algorithm: value}}], "predicate": {"n": number}});
        let envelope = key.envelope(&payload.to_string());
        if number % 2 == 0 {
            assert_eq!(
                log_dsse(&server, &envelope, &[&key]).await.status,
                StatusCode::CREATED
            );
        } else {
            assert_eq!(upload(&server, &envelope).await.status, StatusCode::OK);
        }
        assert_eq!(
            about(&server, value).await,
            [gitoid(&envelope)],
            "{algorithm}"
        );
    }
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_prefixes_and_methods_take_queries() {
    let server = start().await;
    for path in ["/query", "/v1/query"] {
        let answer = server
            .post(path, r#"{"query":"{ dsses { totalCount } }"}"#)
            .await;
        assert_eq!(answer.json(), json!({"data": {"dsses": {"totalCount": 0}}}));
        let answer = server
            .get(&format!("{path}?query=%7Bdsses%7BtotalCount%7D%7D"))
            .await;
        assert_eq!(answer.json(), json!({"data": {"dsses": {"totalCount": 0}}}));
        let answer = server.post(path, r#"{"query":"{ nothing }"}"#).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let answer = server.post(path, "x".repeat(70_000)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert!(server.stop().await);
}

/// While what is held becomes entries, no query misses any of it or has it twice.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_while_it_is_promoted() {
    let (server, key) = (start().await, Key::new(3));
    let held: Vec<_> = (0..12)
        .map(|number| key.envelope(&statement(&number.to_string())))
        .collect();
    for envelope in &held {
        uploaded(&server, envelope).await;
    }
    let mut expected: Vec<_> = held.iter().map(|envelope| gitoid(envelope)).collect();
    expected.sort();
    key.introduce(&server).await;
    let all = "{ dsses { edges { node { gitoidSha256 } } } }";
    let series = "treering_archivista_held_envelopes ";
    let mut is_last = false;
    while !is_last {
        is_last = metric(&server, series).await == 0;
        let mut found = gitoids(&query(&server, all, json!({})).await);
        found.sort();
        // The introduction is a document too.
        found.retain(|gitoid| expected.contains(gitoid));
        assert_eq!(found, expected);
    }
    assert!(server.stop().await);
}

/// A digest is looked for in each way that an index writes it; aliases draw on one bound.
#[tokio::test(flavor = "multi_thread")]
async fn look_ups_are_bounded_for_all_fields_of_a_request() {
    let server = start().await;
    let values: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    let wanted = "{hasStatementWith: {hasSubjectsWith: {hasSubjectDigestsWith: {valueIn: $v}}}}";
    let text = |aliases: usize| {
        let fields: String = (0..aliases)
            .map(|n| format!("a{n}: dsses(where: {wanted}) {{ totalCount }} "))
            .collect();
        format!("query($v: [String!]) {{ {fields} }}")
    };
    let answer = query(&server, &text(1), json!({"v": values})).await;
    assert_eq!(answer["data"]["a0"]["totalCount"], 0);
    let answer = query(&server, &text(20), json!({"v": values})).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    let expected = "expected a query for which at most 200000 entries are gone through";
    assert!(message.starts_with(expected), "{message}");
    assert!(server.stop().await);
}
