"""sigstore-python as a library: signing by a trust configuration, and verifying."""
import hashlib
import json
import tempfile
from pathlib import Path

from sigstore import dsse
from sigstore.errors import Error
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from . import place


def statement(artifact):
    return (dsse.StatementBuilder()
            .subjects([dsse.Subject(name="artifact", digest={"sha256": hashlib.sha256(artifact).hexdigest()})])
            .predicate_type("https://interop.test/predicate").predicate({"tested": True}).build())


def sign(log, artifact, as_dsse):
    """Signs without a key: Fulcio, Rekor v2 and a timestamp by the log's trust configuration. Gives the bundle as JSON."""
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(log.trust_config().read_text()))
    token = (place.SERVICES / "token").read_text()
    with context.signer(IdentityToken(token)) as signer:
        bundle = signer.sign_dsse(statement(artifact)) if as_dsse else signer.sign_artifact(artifact)
    return json.loads(bundle.to_json())


def verify(root, bundle, artifact, identity=place.IDENTITY):
    """Gives whether the library accepted, and what it said. In a DSSE bundle it does
    not look for the artifact: `by_program` does."""
    who = policy.Identity(identity=identity, issuer=place.ISSUER)
    try:
        parsed = Bundle.from_json(json.dumps(bundle))
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
        if "dsseEnvelope" not in bundle:
            verifier.verify_artifact(artifact, parsed, who)
            return True, "verified"
        verifier.verify_dsse(parsed, who)
    except Error as error:  # the library's own: anything else is a fault of the test
        return False, f"{type(error).__name__}: {error}"
    return True, "verified"


def by_program(log, bundle, artifact):
    """The program `sigstore verify identity` instead of the library; it finds the artifact in a statement, too."""
    folder = Path(tempfile.mkdtemp(dir=place.WORK))
    (folder / "artifact").write_bytes(artifact)
    (folder / "bundle").write_text(json.dumps(bundle))
    code, said = place.run([*program(log), "verify", "identity", "--cert-identity", place.IDENTITY, "--cert-oidc-issuer",
                            place.ISSUER, "--bundle", folder / "bundle", folder / "artifact"], env={"HOME": str(place.WORK)})
    return code == 0, said


def program(log):
    return [place.PEERS / "venv" / "sigstore" / "bin" / "sigstore", "--trust-config", log.trust_config()]
