"""What is missing is named with the command that brings it."""

from importlib import metadata

import pytest

from hw4.core.extras import extras_with, missing_package
from hw4.launch.system_errors import is_internal, message_of

WANTED = [
    "numpy>=1",
    'torch>=2 ; extra == "models"',
    "torch>=2; extra == 'splat'",
    'gsplat<2; extra == "splat"',
    'hydra-joblib-launcher>=1; extra == "cluster"',
    'pytest; extra == "dev"',
    'hw4[models,splat]; extra == "all"',
]


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: WANTED)


def test_each_module_has_its_extra() -> None:
    assert extras_with("torch") == ["models", "splat"]
    assert extras_with("hydra_joblib_launcher") == ["cluster"]
    assert extras_with("pytest") == extras_with("numpy") == extras_with("their_own") == []
    assert "pip install 'hw4[splat]'" in str(missing_package("gsplat"))
    assert "pip install 'hw4[all]'" in str(missing_package("torch"))


def test_an_import_that_fails_is_that_sentence() -> None:
    assert message_of(ModuleNotFoundError("No module named 'gsplat'", name="gsplat.cuda")) == (
        "this needs the package gsplat, which is not installed: pip install 'hw4[splat]'."
    )
    assert is_internal(message_of(ModuleNotFoundError("no module", name="their_own")))
    assert "no wheel" in message_of(ModuleNotFoundError("no module", name="pycolmap"))
