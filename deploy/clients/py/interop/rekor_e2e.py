"""Rekor's own end-to-end tests, as deploy/clients/install compiled them: which run, which do not and why."""
import re

from . import place

SOURCE = place.OWN.parent / "rekor-tests"

RUN = {
    "tests": ["TestIssue1308", "TestEnvVariableValidation", "TestDuplicates", "TestGetCLI", "TestSignedEntryTimestamp", "TestInclusionProofRace",
              "TestSearchQueryNonExistentEntry", "TestSearchValidateTreeID", "TestSearchLogQuerySingleShard", "TestGetLogProofInvalidShard",
              "TestHarnessAddEntry", "TestHarnessAddIntoto", "TestHarnessGetAllEntriesLogIndex", "TestHarnessGetAllEntriesUUID"],
    "cmd/rekor-cli": ["TestGetNonExistentIndex", "TestGetNonExistentUUID", "TestLogInfo", "TestLogProofLastSizeBiggerThanCurrentLog",
                      "TestVerifyNonExistentIndex"],
    "cmd/rekor-server": ["TestEnvVariableValidation", "TestDuplicates", "TestGetCLI", "TestSearchNoEntriesRC1", "TestSearchSHA512", "TestVerifyNonExistentUUID",
                         "TestSearchQueryLimit", "TestSearchQueryMalformedEntry", "TestHTTPMaxRequestBodySize", "TestSearchBySANSubject"],
    "pkg/types/dsse/v0.0.1": ["TestDsse", "TestDsseMultiSig", "TestSendingCanonicalizedDSSE", "TestSendingEntryWithClientComputedHashes",
                              "TestMismatchedKeySingleSigner", "TestNoSignature", "TestTwoPublicKeysOneSignature", "TestTwoPublicKeysTwoSignatures",
                              "TestThreePublicKeysTwoSignatures"],
    "pkg/types/hashedrekord/v0.0.1": ["TestSHA256HashedRekordEntry"],
    "pkg/types/intoto": ["TestIntoto", "TestIntotoMultiSig", "TestValidationSearchIntotoV002MissingEnvelope",
                         "TestValidationSearchIntotoV002MissingEnvelopeHash", "TestValidationSearchIntotoV002MissingPayloadHash",
                         "TestValidationSearchIntotoV001MissingPayloadHash"],
    "pkg/types/rekord": ["TestUploadVerifyHashedRekord", "TestUploadVerifyRekord"],
    "pkg/types/rfc3161": ["TestTimestampArtifact"],
    "pkg/pki/minisign": ["TestMinisign"],
    "pkg/pki/ssh": ["TestSSH"],
    "pkg/pki/tuf": ["TestTufVerifyUpload"],
    "pkg/pki/x509": ["TestX509"],
}
# The one that asks about the log as it is before its first entry.
FIRST = "TestIssue1308"
# Why not: what the test needs.
SERVER = "builds parts of rekor-server itself, without asking a server"
NOT_RUN = {
    "tests": {"TestNewAPIWithTLS": SERVER, "TestDialE2E": SERVER, "TestEntryUpload": "an emulator of a message queue that it reads from"},
    "cmd/rekor-server": {"TestMetricsCounts": "rekor-server's metrics, on the ports 3000 and 2112", "TestHostnameInSTH": "rekor-server in a container, by its id"},
    "pkg/types/alpine": {"TestAPK": "entries of kind alpine"}, "pkg/types/jar": {"TestJAR": "entries of kind jar"},
    "pkg/types/rpm": {"TestUploadVerifyRpm": "entries of kind rpm"},
}


class Tests:
    """Compiled tests, and the environment that they expect: a server, and rekor-cli in a folder of theirs."""

    def __init__(self, log):
        self.dir = place.WORK / f"{log.dir.name}.tests"
        self.dir.mkdir()
        (self.dir / "rekor-cli").symlink_to(SOURCE / "rekor-cli")
        (self.dir.parent / f"{self.dir.name}.rekor.yaml").touch()
        harness = self.dir / "harness"
        harness.mkdir()
        self.env = {"REKOR_SERVER": log.url, "REKORTMPDIR": str(self.dir), "REKOR_HARNESS_TMPDIR": str(harness)}

    def _start(self, package, *flags):
        return place.run([SOURCE / package / "e2e.test", *flags], env=self.env, cwd=SOURCE / package, seconds=300)

    @staticmethod
    def listed(package):
        """The end-to-end tests among the package's tests: those in files of that build tag."""
        files = [path.read_text() for path in (SOURCE / package).glob("*_test.go")]
        return {name for text in files if "//go:build e2e" in text for name in re.findall(r"^func (Test\w+)\(", text, re.M)}

    def run(self, package, names):
        """Gives what became of each test, and what it said."""
        if not names:
            return {}, {}
        _, said = self._start(package, "-test.v", "-test.run", f"^({'|'.join(names)})$")
        told = re.findall(r"^--- (PASS|FAIL|SKIP): (\w+)", said, re.M)
        parts = re.split(r"^=== RUN +(Test\w+)$", said, flags=re.M)
        return {name: verdict for verdict, name in told}, dict(zip(parts[1::2], parts[2::2], strict=True))
