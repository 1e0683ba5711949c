"""Too little address space is noticed before a library that would wait for it for ever."""

import resource

import pytest

from hw4.core import limited
from hw4.core.errors import UserError
from hw4.core.limited import load_while_there_is_room


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(limited.importlib, "import_module", names.append)
    return names


def limit_to(monkeypatch: pytest.MonkeyPatch, n_bytes: int) -> None:
    monkeypatch.setattr(limited.resource, "getrlimit", lambda _: (n_bytes, n_bytes))


def test_without_a_limit_nothing_is_loaded(loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, resource.RLIM_INFINITY)
    load_while_there_is_room()
    assert loaded == []


def test_with_room_everything_is(loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, 1 << 50)
    load_while_there_is_room()
    assert loaded == list(limited.LIBRARIES)


def test_without_room_the_first_one_is_named(loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, 1 << 20)
    with pytest.raises(UserError, match=r"too little memory here to load numpy: .* 1 MiB \(ulimit -v\)"):
        load_while_there_is_room()
    assert loaded == []


@pytest.mark.parametrize(("set_to", "expected"), [("3", 3), ("", None), ("many", None)])
def test_threads_need_room_too(set_to: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", set_to)
    assert limited._threads() == (expected or limited.os.cpu_count())
