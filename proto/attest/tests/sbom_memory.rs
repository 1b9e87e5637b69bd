//! A bill of materials of 50 MB is read without a tree of it: what is allocated besides the input is measured. In a program of its
//! own, with one test, so that nothing else allocates.

use std::fmt::Write as _;

use peak_alloc::PeakAlloc;
use treering_attest::facts::components;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes of the document.
const SIZE: usize = 50_000_000;
/// Bytes that reading it may take: in fact it takes a few kilobytes.
const MOST: usize = 2_000_000;

fn document() -> (String, u64) {
    let mut text = String::with_capacity(SIZE + 1024);
    text.push_str(
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://cyclonedx.org/bom","predicate":{"specVersion":"1.6","components":[{}"#,
    );
    let mut count = 1;
    while text.len() < SIZE {
        write!(
            text,
            r#",{{"name":"component-{count}","version":"1.{count}","purl":"pkg:cargo/component@{count}","hashes":[{{"alg":"SHA-256","content":"{count:064x}"}}],"licenses":[{{"expression":"MIT"}}]}}"#
        )
        .expect("a string takes all");
        count += 1;
    }
    text.push_str("]}}");
    (text, count)
}

#[test]
fn fifty_megabytes_take_less_than_two() {
    let (text, count) = document();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut seen = 0_u64;
    let mut digests = 0_usize;
    let sbom = components(text.as_bytes(), &mut |component| {
        seen += 1;
        digests += component.digests.len();
    });
    let sbom = sbom
        .expect("it is a statement")
        .expect("of a bill of materials");
    let peak = ALLOCATOR.peak_usage() - before;
    assert!(peak < MOST, "{peak} bytes besides {}", text.len());
    assert_eq!((seen, sbom.components.value()), (count, Some(&count)));
    assert_eq!(digests + 1, usize::try_from(count).expect("it was counted"));
}
