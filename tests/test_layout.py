"""How the tests lie: as the rooms of hw4/ do, in files that know nothing of each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
NOT_ROOMS = {"benchmarks", "docs", "support"}


def imported(source: str) -> Iterator[str]:
    """The modules that Python text imports, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def scripts(source: str) -> Iterator[str]:
    """The strings of a file that are Python programs themselves: what a test runs in another process."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
            try:
                ast.parse(node.value)
            except SyntaxError:
                continue
            yield node.value


def test_every_folder_is_a_room_of_hw4() -> None:
    folders = {path.parent.relative_to(TESTS) for path in FILES} - {Path()}
    strangers = [f for f in folders if f.parts[0] not in NOT_ROOMS and not (ROOT / "hw4" / f).is_dir()]
    assert strangers == []


def test_every_file_is_found_by_pytest_or_holds_what_several_need() -> None:
    others = [
        path.relative_to(TESTS)
        for path in FILES
        if not path.name.startswith("test_") and path.name not in ("__init__.py", "conftest.py")
    ]
    assert [path for path in others if path.parts[0] != "support"] == []
    assert [path for path in FILES if path.parent.name == "support" and path.name.startswith("test_")] == []


def test_no_test_imports_another() -> None:
    offenders = {}
    for path in FILES:
        source = path.read_text()
        modules = [module for text in (source, *scripts(source)) for module in imported(text)]
        of_tests = [module for module in modules if module.split(".")[0] == "tests"]
        if wrong := [module for module in of_tests if not module.startswith("tests.support")]:
            offenders[str(path.relative_to(TESTS))] = wrong
    assert offenders == {}
