"""Two processes on one cache: of a splat run and of a model's reconstruction, each is computed once."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import SampleConfig
from hw4.data.sample import ensure_sample
from tests.support import forked
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

WORK = """
import sys, time
from pathlib import Path
from hw4.models.cached import CachedModel
from tests.support.fake_models import FakeModel
from tests.support.splat_jobs import make_config, run
folder, out_dir = Path(sys.argv[1]), Path(sys.argv[2])
(out_dir.parent / f"ready_{out_dir.name}").touch()
while len(list(folder.glob("ready_*"))) < 2:
    time.sleep(0.01)
model = CachedModel(folder / "reconstructions", "fake", "none", lambda: FakeModel(0.5, folder / "calls"))
cameras = model.reconstruct([folder / "0_a.png", folder / "0_b.png"]).cam_from_world
run(make_config(folder / "sample" / "scene", folder, iterations=3, video_frames=0), out_dir)
print(cameras.tolist())
"""


def test_two_processes_share_the_splat_and_reconstruction_caches(tmp_path: Path) -> None:
    ensure_sample(SampleConfig(root=str(tmp_path / "sample"), pairs=1, frames=3, width=48, height=36))
    for name in "ab":
        Image.fromarray(np.full((4, 4, 3), ord(name), np.uint8)).save(tmp_path / f"0_{name}.png")
    with ThreadPoolExecutor(2) as pool:
        places = [[str(tmp_path), str(tmp_path / name)] for name in ("one", "two")]
        both = list(pool.map(lambda place: forked.run(place, code=WORK, cwd=ROOT), places))
    assert [done.returncode for done in both] == [0, 0], both
    assert both[0].stdout == both[1].stdout != "" and (tmp_path / "calls").read_text() == "0\n"
    splats = [json.loads((tmp_path / n / "results.json").read_text())["splat"] for n in ("one", "two")]
    assert sorted(splat["reused"] for splat in splats) == [False, True]
    assert splats[0]["psnr"] == splats[1]["psnr"]
    renders = [(tmp_path / n / "splat" / "gaussians.ply").read_bytes() for n in ("one", "two")]
    assert renders[0] == renders[1]
