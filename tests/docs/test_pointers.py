"""Where code and pages send a reader: to files that are in the repository."""

import re

from tests.support.pages import PAGES
from tests.support.paths import ROOT

KINDS = {".py", ".pyi", ".yaml", ".toml", ".md", ".css", ".j2"}
FOLDERS = ("hw4", "conf", "tests", "benchmarks", "scripts")
PATH = re.compile(r"(?<![\w/.-])(?:hw4|conf|docs|tests|benchmarks|scripts)/[\w/-]+\.(?:md|py|yaml|toml)\b")


def texts() -> dict[str, str]:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    files += [*PAGES, *(ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run", "mkdocs.yml"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in files}


def test_no_text_points_at_a_design_outside_the_repository() -> None:
    section = "DESIGN" + " §"
    assert [name for name, text in texts().items() if section in text] == []


def test_files_that_are_named_exist() -> None:
    gone = {
        (name, path)
        for name, text in texts().items()
        for path in PATH.findall(text)
        if not (ROOT / path).exists()
    }
    assert gone == set()
