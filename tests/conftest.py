"""Fixtures of many rooms: small pair folders with exact cameras, and the real photos where they are."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hw4.models.network.sources import FOLDER, sources_root
from tests.support.pairs import random_cameras, write_pairs
from tests.support.paths import ROOT

# Tests that move the user's cache find upstream's sources where they are.
os.environ.setdefault(FOLDER, str(sources_root()))
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def pairs_folder(tmp_path: Path) -> Callable[..., tuple[Path, np.ndarray]]:
    """Makes a pair folder of n random pairs; returns it and its (n, 2, 4, 4) cameras."""

    def make(n: int = 4, name: str = "data", **options: object) -> tuple[Path, np.ndarray]:
        cameras = random_cameras(np.random.default_rng(n), 2 * n).reshape(n, 2, 4, 4)
        return write_pairs(tmp_path / name, cameras, **options), cameras  # type: ignore[arg-type]

    return make


@pytest.fixture
def shared_data() -> Path:
    """The real photos beside the checkout; the test is skipped without them."""
    if not SHARED.is_dir():
        pytest.skip(f"real photos are not here ({SHARED} does not exist)")
    return SHARED
