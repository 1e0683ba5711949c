"""`make torture` calls a fault a fault: what it counts as answered is answered."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import torture


def process(code: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("pass", None),
        ("import sys; sys.exit('hw4: the photo x does not exist.')", None),
        ("import sys; sys.exit('hw4: internal error: KeyError')", "internal error"),
        ("1 / 0", "Traceback"),
        ("import sys; sys.exit(1)", "status 1 without a sentence"),
        ("import os; os.kill(os.getpid(), 11)", "status 139"),
        ("import time; time.sleep(60)", "still running after 0.5 s"),
    ],
)
def test_only_a_sentence_or_success_is_an_answer(
    code: str, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in code:
        monkeypatch.setattr(torture, "PATIENCE", 0.5)
    found = torture.ended(process(code))
    assert found is None if fault is None else found is not None and found.startswith(fault)


def test_the_table_counts_each_kind() -> None:
    outcomes = [
        torture.Outcome("kill", "one", answered=True, resumed=True, seconds=3.2),
        torture.Outcome("kill", "two", answered=True, fault="other results", seconds=1),
        torture.Outcome("bad input", "three", answered=True),
    ]
    text = torture.table(outcomes, "only root can mount", 1.5)
    assert "| kill | 2 | 2 | 1 | 3 s |" in text and "| bad input | 1 | 1 | – | 0 s |" in text
    assert "not possible here: only root can mount" in text
