//! Rekor v2's messages mean what its JSON means.

use bytes::Bytes;
use prost::Message as _;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::common::v1::X509Certificate;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::create_entry_request::Spec;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::verifier::Verifier as Material;
use treering_api::grpc::rekor_v2::pb::dev::sigstore::rekor::v2::{
    DsseRequestV002, HashedRekordRequestV002, PublicKey, Signature, Verifier,
};
use treering_api::grpc::rekor_v2::pb::io::intoto;
use treering_api::grpc::rekor_v2::{CreateEntryRequest, DESCRIPTOR, TransparencyLogEntryMessage};
use treering_rekor::v2::{CreateEntry, RequestError, TransparencyLogEntry};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

fn key() -> Verifier {
    Verifier {
        verifier: Some(Material::PublicKey(PublicKey {
            raw_bytes: Bytes::from_static(b"key"),
        })),
        key_details: 5,
    }
}

fn hashed(verifier: Option<Verifier>) -> CreateEntryRequest {
    CreateEntryRequest {
        spec: Some(Spec::HashedRekordRequestV002(HashedRekordRequestV002 {
            digest: Bytes::from_static(b"digest"),
            signature: Some(Signature {
                content: Bytes::from_static(b"signature"),
                verifier,
            }),
        })),
    }
}

fn dsse(verifiers: Vec<Verifier>) -> CreateEntryRequest {
    CreateEntryRequest {
        spec: Some(Spec::DsseRequestV002(DsseRequestV002 {
            envelope: Some(intoto::Envelope {
                payload: Bytes::from_static(b"{}"),
                payload_type: "t".into(),
                signatures: vec![intoto::Signature {
                    sig: Bytes::from_static(b"sig"),
                    keyid: "k".into(),
                }],
            }),
            verifiers,
        })),
    }
}

#[test]
fn a_message_means_what_its_json_means() {
    let json = br#"{"hashedRekordRequestV002":{"digest":"ZGlnZXN0","signature":{"content":"c2lnbmF0dXJl","verifier":{"publicKey":{"rawBytes":"a2V5"},"keyDetails":5}}}}"#;
    assert_eq!(
        hashed(Some(key())).read(),
        CreateEntry::parse_json(json),
        "hashedrekord"
    );
    let certificate = Verifier {
        verifier: Some(Material::X509Certificate(X509Certificate {
            raw_bytes: Bytes::from_static(b"key"),
        })),
        key_details: 13,
    };
    let json = br#"{"dsseRequestV002":{"envelope":{"keep":1},"verifiers":[{"x509Certificate":{"rawBytes":"a2V5"},"keyDetails":"PKIX_ECDSA_P521_SHA_512"}]}}"#;
    let CreateEntry::Dsse(mut expected) = CreateEntry::parse_json(json).unwrap() else {
        panic!("another kind");
    };
    expected.envelope =
        br#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}]}"#
            .to_vec();
    assert_eq!(
        dsse(vec![certificate]).read(),
        Ok(CreateEntry::Dsse(expected))
    );
}

#[test]
fn what_is_absent_is_named() {
    let missing = |request: CreateEntryRequest| match request.read() {
        Err(RequestError::Missing { member }) => member,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        missing(CreateEntryRequest { spec: None }),
        "hashedRekordRequestV002"
    );
    assert_eq!(missing(hashed(None)), "signature.verifier");
    let mut verifier = key();
    verifier.key_details = 0;
    assert_eq!(missing(hashed(Some(verifier))), "verifier.keyDetails");
    let mut verifier = key();
    verifier.verifier = None;
    assert_eq!(
        missing(hashed(Some(verifier))),
        "verifier.publicKey or .x509Certificate"
    );
    let mut empty = hashed(Some(key()));
    if let Some(Spec::HashedRekordRequestV002(request)) = &mut empty.spec {
        request.digest = Bytes::new();
    }
    assert_eq!(missing(empty), "digest");
    assert_eq!(missing(dsse(Vec::new())), "dsseRequestV002.verifiers");
    assert_eq!(
        dsse(vec![key(); 11]).read(),
        Err(RequestError::Verifiers { found: 11 })
    );
    let mut unknown = key();
    unknown.key_details = 9999;
    assert!(matches!(
        hashed(Some(unknown)).read(),
        Err(RequestError::KeyDetails(_))
    ));
}

#[test]
fn the_answer_is_that_of_the_json() {
    let proof = InclusionProof {
        index: LeafIndex::new(2).unwrap(),
        size: TreeSize::new(3).unwrap(),
        hashes: vec![Hash::of(b"sibling")],
    };
    let entry = TransparencyLogEntry {
        log_id: &[7; 32],
        proof: &proof,
        root: &Hash::of(b"root"),
        checkpoint: "note\n",
        leaf: b"leaf",
    };
    let message = TransparencyLogEntryMessage::from(&entry);
    assert_eq!((message.log_index, message.integrated_time), (2, 0));
    assert_eq!(message.log_id.unwrap().key_id, [7; 32].as_slice());
    let kind = message.kind_version.unwrap();
    assert_eq!(
        (kind.kind.as_str(), kind.version.as_str()),
        ("hashedrekord", "0.0.2")
    );
    assert_eq!(message.inclusion_promise, None);
    let inclusion = message.inclusion_proof.unwrap();
    assert_eq!((inclusion.log_index, inclusion.tree_size), (2, 3));
    assert_eq!(inclusion.root_hash, Hash::of(b"root").as_bytes().as_slice());
    assert_eq!(
        inclusion.hashes,
        vec![Hash::of(b"sibling").as_bytes().as_slice()]
    );
    assert_eq!(inclusion.checkpoint.unwrap().envelope, "note\n");
    assert_eq!(message.canonicalized_body, b"leaf".as_slice());
}

#[test]
fn the_descriptors_hold_the_service_and_all_it_imports() {
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTOR).unwrap();
    let names: Vec<&str> = set.file.iter().map(|file| file.name()).collect();
    for file in &set.file {
        for import in &file.dependency {
            assert!(
                names.contains(&import.as_str()),
                "{import} of {}",
                file.name()
            );
        }
    }
    let service = set
        .file
        .iter()
        .flat_map(|file| &file.service)
        .next()
        .unwrap();
    let methods: Vec<&str> = service.method.iter().map(|method| method.name()).collect();
    assert_eq!(service.name(), "Rekor");
    assert_eq!(
        methods,
        ["CreateEntry", "GetTile", "GetEntryBundle", "GetCheckpoint"]
    );
}
