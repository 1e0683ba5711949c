"""The scene of the splat jobs."""

from pathlib import Path

import pytest

from hw4.config import SampleConfig
from hw4.data.sample import ensure_sample


@pytest.fixture(scope="module")
def scene_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    return ensure_sample(SampleConfig(root=str(root), pairs=1, frames=3, width=48, height=36)) / "scene"
