"""What installed packages offer: found by group, and refused in one sentence that names the package."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw4.core.errors import UserError
from hw4.core.plugins import plugins, with_plugins
from tests.support.packages import install

GROUP = "hw4.tests_of_plugins"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path``, for packages that only this test sees."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    plugins.cache_clear()
    yield folder
    plugins.cache_clear()


def test_objects_come_by_name_and_group(site: Path) -> None:
    offered = {GROUP: {"second": "toy_rows:ROWS.two", "first": "toy_rows:ONE"}, "hw4.others": {"x": "gone:X"}}
    install(site, "toy", offered, {"toy_rows": "class ROWS:\n    two = 2\n\nONE = 1\n"})
    assert list(plugins(GROUP).items()) == [("first", 1), ("second", 2)]
    assert plugins("hw4.nothing_offers_this") == {}


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("toy_gone", None, "No module named 'toy_gone'"),
        ("toy_needs", "import a_library_that_is_not_here", "No module named 'a_library_that_is_not_here'"),
        ("toy_breaks", "1 / 0", "ZeroDivisionError: division by zero"),
        ("toy_empty", "Y = 1", "has no attribute 'X'"),
    ],
)
def test_what_cannot_be_imported_names_its_package(
    module: str, source: str | None, reason: str, site: Path
) -> None:
    install(site, "hw4-toy", {GROUP: {"toy": f"{module}:X"}}, {module: source} if source else {})
    with pytest.raises(UserError) as refused:
        plugins(GROUP)
    sentence = str(refused.value)
    assert f"entry point toy = {module}:X of package hw4-toy 1.0 (group {GROUP})" in sentence
    assert (
        reason in sentence and sentence.endswith("mend or uninstall that package.") and "\n" not in sentence
    )


def test_a_name_is_offered_once(site: Path) -> None:
    for package in ("one", "other"):
        install(site, package, {GROUP: {"toy": f"{package}_rows:ROW"}}, {f"{package}_rows": "ROW = 1"})
    with pytest.raises(UserError, match=r"two packages offer toy .* one 1\.0.* other 1\.0.* uninstall one"):
        plugins(GROUP)


def test_a_package_found_twice_is_one(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an editable install leaves it: its metadata beside the source and among the installed packages."""
    for folder in (site, tmp_path / "again"):
        install(folder, "toy", {GROUP: {"toy": "toy_row:ROW"}}, {"toy_row": "ROW = 1"})
    monkeypatch.syspath_prepend(tmp_path / "again")
    plugins.cache_clear()
    assert plugins(GROUP) == {"toy": 1}


@dataclass(frozen=True)
class Row:
    """A row of a table of this test."""

    name: str


@pytest.mark.parametrize(
    ("offered", "row", "words"),
    [
        ("toy", 3, rf"entry point toy \(group {GROUP}\) is a int: it must be a tests\..*\.Row\. Mend or"),
        ("toy", Row("other"), "is a thing called other: give both the same name"),
        ("ours", Row("ours"), "has the name of another thing, ours: rename it, or uninstall"),
        ("auto", Row("auto"), "has the name of another thing, auto"),
    ],
)
def test_a_row_of_a_package_that_cannot_be_used(
    offered: str, row: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hw4.core.plugins.plugins", lambda group: {offered: row})
    with pytest.raises(UserError, match=words):
        with_plugins(GROUP, {"ours": Row("ours")}, Row, "thing", reserved=("auto",))


def test_rows_of_packages_follow_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw4.core.plugins.plugins", lambda group: {"toy": Row("toy")})
    assert list(with_plugins(GROUP, {"ours": Row("ours")}, Row, "thing")) == ["ours", "toy"]
    monkeypatch.setattr("hw4.core.plugins.plugins", lambda group: {"toy": Row("another")})
    assert list(with_plugins(GROUP, {}, Row, "thing", named_alike=False)) == ["another"]
