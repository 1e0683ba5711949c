"""Upstream's packages come out of the wheel's sources, a checkout before those, and nobody else sees them."""

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from hw4.core.errors import UserError
from hw4.models.network.sources import FOLDER, sources_folder, unpack
from hw4.models.network.upstream import elsewhere, import_upstream, origin
from hw4.models.wheel import Wheel
from tests.support.wheels import make_wheel

NAMES = ("painter", "shapes", "parts")


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wheel]:
    """A wheel whose sources are there; what is imported of it is forgotten afterwards."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "upstream"))
    wheel = make_wheel(tmp_path)
    unpack(tmp_path / "painter-1.0-py3-none-any.whl", wheel, sources_folder(wheel))
    finders, path = list(sys.meta_path), list(sys.path)
    yield wheel
    sys.meta_path[:], sys.path[:] = finders, path
    for name in [name for name in sys.modules if name.split(".")[0] in NAMES]:
        del sys.modules[name]


def checkout(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(folder)
    return folder


def test_packages_come_out_of_the_wheel_and_leave_no_trace(wheel: Wheel) -> None:
    path = list(sys.path)
    module = import_upstream("painter.model", wheel)
    assert module.RADIUS == 2
    assert str(module.__file__).startswith(str(sources_folder(wheel)))
    assert sys.path == path and not {"parts", "parts.circle"} & set(sys.modules)
    # A part that is imported later shares what was imported before.
    assert import_upstream("shapes.parts.later", wheel).AGAIN == 2
    assert import_upstream("painter.model", wheel) is module
    assert origin(wheel) == "1.0"


def test_other_programs_keep_their_modules(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(tmp_path / "theirs", monkeypatch, {"parts/__init__.py": "", "parts/circle.py": "RADIUS = 7"})
    import parts.circle  # type: ignore[import-not-found]

    theirs = sys.modules["parts"]
    assert import_upstream("painter.model", wheel).RADIUS == 2
    assert sys.modules["parts"] is theirs and sys.modules["parts.circle"].RADIUS == 7
    assert parts.circle.RADIUS == 7


def test_a_checkout_wins(wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"painter/__init__.py": "", "painter/model.py": "RADIUS = 5"}
    folder = checkout(tmp_path / "checkout", monkeypatch, files)
    assert elsewhere(wheel, "painter") == folder / "painter" and elsewhere(wheel, "shapes") is None
    assert import_upstream("painter.model", wheel).RADIUS == 5
    assert origin(wheel) == str(folder / "painter")


def test_a_folder_of_that_name_is_no_checkout(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(tmp_path / "data", monkeypatch, {"shapes/photo.txt": "", "painter/photo.txt": ""})
    assert elsewhere(wheel, "shapes") is None
    assert import_upstream("shapes.parts.circle", wheel).RADIUS == 2
    assert import_upstream("painter.model", wheel).RADIUS == 2


def test_a_checkout_that_cannot_be_imported_is_named(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(tmp_path / "checkout", monkeypatch, {"painter/model.py": "import a_library_that_is_not_here"})
    with pytest.raises(UserError, match="No module named 'a_library_that_is_not_here'.*painter 1.0"):
        import_upstream("painter.model", wheel)


def test_a_package_that_upstream_needs_is_named_with_its_extra(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: ['not-here>=1; extra == "models"'])
    checkout(tmp_path / "checkout", monkeypatch, {"painter/model.py": "import not_here"})
    with pytest.raises(UserError, match=r"needs the package not_here.*pip install 'hw4\[models\]'"):
        import_upstream("painter.model", wheel)
