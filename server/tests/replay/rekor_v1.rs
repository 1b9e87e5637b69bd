//! All that rekor-server v1.5.4 was asked.

use super::corpus::cases;
use super::differences::DIFFERENCES;
use super::replay::replay;
use super::support::Running;

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_request_is_answered_as_it_was() {
    let server = Running::start().await;
    let cases = cases();
    let created = cases.iter().filter(|case| case.creates).count();
    assert_eq!((cases.len(), created), (512, 94));
    for known in DIFFERENCES {
        assert!(cases.iter().any(|case| case.id == known.case));
    }
    let proofs = replay(&server, &cases, DIFFERENCES).await;
    assert_eq!(
        (proofs.entries, proofs.heads, proofs.consistency),
        (150, 11, 10)
    );
    assert!(server.stop().await);
}
