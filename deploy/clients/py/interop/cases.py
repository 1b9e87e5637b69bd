"""Cases: each is listed in ../../cases before it can run, prints one line, and fails the suite when it did not run."""
import re
import sys
import time
from pathlib import Path

LIST = Path(__file__).resolve().parents[2] / "cases"


class Failed(Exception):
    """A case's reason to fail."""


def need(condition, message):
    if not condition:
        raise Failed(message)


def listed(suite):
    names = [line.split()[0] for line in LIST.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return [name for name in names if name.split(".")[0] == suite]


class Suite:
    """The cases of one suite; `with Suite("cosign") as suite:` ends the process with 1 unless all of them passed."""

    def __init__(self, name):
        self.name, self.left, self.failed = name, set(listed(name)), []
        self.count = len(self.left)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and issubclass(kind, Failed):
            self._line("FAIL", self.name, f"the suite could not go on: {error}")
        elif kind is not None:
            return
        for name in sorted(self.left):
            self._line("FAIL", name, "did not run")
        sys.exit(1 if self.failed or self.left or kind else 0)

    def _line(self, verdict, name, detail):
        text = re.sub(r"\s+", " ", str(detail)).strip()
        print(f"{verdict} {name}: {text[-600:]}", flush=True)

    def passed(self, name, detail):
        self.left.discard(name)
        self._line("PASS", name, detail)

    def fail(self, name, detail):
        self.left.discard(name)
        self.failed.append(name)
        self._line("FAIL", name, detail)

    def case(self, name, function, *arguments, **options):
        """Runs one case, whose answer is the line's detail. Gives that answer, or None when it failed."""
        name = f"{self.name}.{name}"
        begin = time.monotonic()
        try:
            need(name in self.left, "is not in deploy/clients/cases, or ran before")
            detail = function(*arguments, **options)
        except Exception as error:  # any fault of a case is that case's failure, and the others still run
            self.fail(name, f"{type(error).__name__}: {error}" if not isinstance(error, Failed) else error)
            return None
        self.passed(name, f"{detail} ({time.monotonic() - begin:.1f} s)")
        return detail

    def refusal(self, name, words, function, *arguments, **options):
        """A case in which the client must refuse, and say why: `function` gives (accepted, what the client said)."""

        def judge():
            accepted, said = function(*arguments, **options)
            need(not accepted, f"the client accepted it: {said}")
            found = re.search(words, said)
            need(found, f"refused for another reason than expected, /{words}/: {said}")
            return f"refused: {said[max(0, found.start() - 60):found.end() + 120]}"

        return self.case(name, judge)

    def take(self, output):
        """The cases of a program that prints its own lines, `PASS name: detail` or `FAIL name: detail`."""
        for line in output:
            match = re.fullmatch(r"(PASS|FAIL) (\S+): (.*)", line.rstrip("\n"))
            if not match:
                continue
            verdict, name, detail = match.groups()
            if verdict == "PASS" and name in self.left:
                self.passed(name, detail)
            else:
                self.fail(name, detail if verdict == "FAIL" else "is not in deploy/clients/cases, or ran before")
