"""Rekor's own end-to-end tests, compiled from its module as it is published, against our server.

A test that is named neither in `RUN` nor in `NOT_RUN` is told, so that none is forgotten."""
from interop.cases import Suite, need
from interop.rekor_e2e import FIRST, NOT_RUN, RUN, Tests
from interop.servers import rekor_v1


def judge(suite, tests, package, names):
    """Runs the tests of a package and tells each."""
    verdicts, said = tests.run(package, names)
    for name in names:
        case = f"{package.split('/')[2 if package.startswith('pkg/') else -1]}.{name}"
        suite.case(case, lambda name=name: need(verdicts.get(name) == "PASS", f"{verdicts.get(name, 'did not run')}: {said.get(name, '')}") or "as upstream")


def complete(tests):
    """Every test of the packages is named here."""
    for package in {**RUN, **NOT_RUN}:
        found = tests.listed(package)
        named = {*RUN.get(package, []), *NOT_RUN.get(package, {})}
        need(found == named, f"{package}: tests {sorted(found ^ named)} are named here or there, but not in both")
    return f"{sum(map(len, RUN.values()))} tests run, {sum(map(len, NOT_RUN.values()))} do not"


with Suite("rekor-e2e") as suite:
    with rekor_v1("rekor-e2e") as log:
        tests = Tests(log)
        suite.case("complete", complete, tests)
        judge(suite, tests, "tests", [name for name in RUN["tests"] if name == FIRST])
        for package, names in RUN.items():
            judge(suite, tests, package, [name for name in names if name != FIRST and not name.startswith("TestHarness")])
    with rekor_v1("rekor-e2e-harness") as log:
        # These read every entry of the log again.
        judge(suite, Tests(log), "tests", [name for name in RUN["tests"] if name.startswith("TestHarness")])
