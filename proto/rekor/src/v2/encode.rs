//! The bytes of a leaf: JCS (RFC 8785) of `{apiVersion, kind, spec}`. The shape is fixed and no string in it needs escaping, so
//! it is written straight; a test holds it to the output of a JCS library.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use treering_attest::DigestAlgorithm;

use super::hashedrekord::Verifier;

/// Bytes of a leaf besides base64 and names, rounded up.
const FRAME: usize = 256;

/// `key_details` must be a protocol name: upper-case letters, digits, underscores.
pub(super) fn leaf(
    digest: &[u8],
    algorithm: DigestAlgorithm,
    signature: &[u8],
    verifier: &Verifier,
    key_details: &str,
) -> Vec<u8> {
    let binary = digest.len() + signature.len() + verifier.der().len();
    let mut out = String::with_capacity(FRAME + key_details.len() + binary / 3 * 4 + 12);
    out.push_str(r#"{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":""#);
    out.push_str(algorithm.sigstore_name());
    out.push_str(r#"","digest":""#);
    STANDARD.encode_string(digest, &mut out);
    out.push_str(r#""},"signature":{"content":""#);
    STANDARD.encode_string(signature, &mut out);
    out.push_str(r#"","verifier":{"keyDetails":""#);
    out.push_str(key_details);
    out.push_str(match verifier {
        Verifier::PublicKey(_) => r#"","publicKey":{"rawBytes":""#,
        Verifier::Certificate(_) => r#"","x509Certificate":{"rawBytes":""#,
    });
    STANDARD.encode_string(verifier.der(), &mut out);
    out.push_str(r#""}}}}}}"#);
    out.into_bytes()
}
