"""gsplat behind our rasterizer: loading it, what it is not asked, and its kernels against ours on a GPU."""

import fcntl
import sys
from types import ModuleType

import pytest
import torch

from hw4.core.errors import UserError
from hw4.splat.rasterize import RENDER_MODES, cuda, device_for, rasterize
from tests.support.rasterizer_scenes import LEAVES, SIZE, arguments, leaves, loss_of, one_gaussian
from tests.support.reference_rasterizer import random_scene


@pytest.mark.parametrize("with_background", [True, False])
@pytest.mark.parametrize("mode", RENDER_MODES)
def test_gsplat_is_not_asked_to_render_nothing(
    mode: str, with_background: bool, monkeypatch: pytest.MonkeyPatch
):
    """gsplat 1.5.3 divides by the number of Gaussians: what it would return is what the CPU returns."""
    monkeypatch.setattr(cuda, "load_gsplat", lambda: pytest.fail("asked gsplat"))
    scene = {k: v[:0] if k not in ("viewmats", "Ks") else v for k, v in one_gaussian().items()}
    options = {"sh_degree": None, "render_mode": mode, **SIZE}
    scene["colors"] = torch.zeros(0, 5, dtype=torch.float64)
    options["backgrounds"] = torch.rand(1, 5, dtype=torch.float64) if with_background else None
    results = []
    for rasterizer in ("cpu", "gsplat"):
        ours = leaves(scene)
        colors, alphas, info = rasterize(*arguments(**ours, **options), rasterizer=rasterizer)
        info["means2d"].retain_grad()
        (colors.sum() + alphas.sum()).backward()
        assert ours["means"].grad.shape == (0, 3)
        results.append((colors.detach(), alphas.detach(), info))
    assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])
    for name in ("means2d", "radii", "depths", "conics", "opacities"):
        assert results[1][2][name].shape == results[0][2][name].shape, name
        assert results[1][2][name].dtype == results[0][2][name].dtype, name


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_gsplat_without_cuda_says_what_to_do():
    with pytest.raises(UserError, match=r"splat\.rasterizer=cpu"):
        rasterize(*arguments(**one_gaussian(), sh_degree=0, **SIZE), rasterizer="gsplat")
    with pytest.raises(UserError, match=r"splat\.rasterizer=cpu"):
        device_for("gsplat")


@pytest.fixture
def gpu_without_gsplat(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A machine whose torch says that it has a GPU; gsplat's extension is what the test puts there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    cuda.load_gsplat.cache_clear()
    yield lambda backend: monkeypatch.setitem(sys.modules, "gsplat.cuda._backend", backend)
    cuda.load_gsplat.cache_clear()


def test_gsplat_is_loaded_once_and_under_a_lock(
    gpu_without_gsplat, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    held = []

    class Backend(ModuleType):
        @property
        def _C(self):
            # Another process would wait here.
            with (tmp_path / "hw4" / ".lock").open("w") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(True)
            return object()

    gpu_without_gsplat(Backend("gsplat.cuda._backend"))
    assert device_for("gsplat") == device_for("auto") == torch.device("cuda")
    assert held == [True]


# As torch hands it on where CUDA_HOME is another folder than nvcc's own; thousands of lines more in truth.
NVCC_OUTPUT = f"""Error building extension 'gsplat_cuda': [1/30] /usr/local/bin/nvcc {"-I/some/where " * 60}
/glm/vec4.hpp(105): warning #20012-D: __device__ annotation is ignored
FAILED: [code=1] Rasterization.o
/torch/Misc.h:7:10: fatal error: cuda_runtime.h: No such file or directory
    7 | #include <cuda_runtime.h>
ninja: build stopped: subcommand failed."""


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (None, "found no CUDA toolkit .* CUDA_HOME, or use splat.rasterizer=cpu"),
        (
            RuntimeError("Error building extension\nmany lines"),
            "Error building extension[)]: it",
        ),
        (
            RuntimeError(NVCC_OUTPUT),
            r"RuntimeError: /torch/Misc.h:7:10: fatal error: cuda_runtime.h: No .*CUDA_HOME",
        ),
        (ImportError(), "ImportError: no message"),
    ],
    ids=["no toolkit", "failed build", "failed compiler", "broken"],
)
def test_gsplat_that_cannot_be_loaded_is_one_sentence(gpu_without_gsplat, failure, words: str):
    class Backend(ModuleType):
        @property
        def _C(self):
            if failure is not None:
                raise failure
            return None

    gpu_without_gsplat(Backend("gsplat.cuda._backend"))
    with pytest.raises(UserError, match=words) as raised:
        device_for("auto")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("render_mode", ["RGB", "RGB+ED"])
def test_gsplats_kernels_and_ours_agree(mode: str, render_mode: str):
    scene = random_scene(500, **SIZE, n_cameras=2, seed=21)
    background = torch.tensor([[0.2, 0.5, 0.9], [1.0, 0.0, 0.3]])
    options = {"sh_degree": 3, "rasterize_mode": mode, "render_mode": render_mode, **SIZE}
    results = []
    for device in ("cpu", "cuda"):
        ours = leaves({name: v.to(device) for name, v in scene.items()})
        colors, alphas, info = rasterize(*arguments(**ours, backgrounds=background.to(device), **options))
        info["means2d"].retain_grad()
        loss_of(colors.cpu(), alphas.cpu()).backward()
        grads = {name: ours[name].grad.cpu() for name in LEAVES}
        grads["means2d"] = info["means2d"].grad.cpu()
        results.append((colors.detach().cpu(), alphas.detach().cpu(), grads))
    # Different roundings put single pixels on different sides of the 1/255 threshold.
    for ours_image, theirs in zip(results[0][:2], results[1][:2], strict=True):
        assert (ours_image - theirs).abs().mean() < 1e-5 * max(1.0, float(theirs.abs().max()))
    for name, expected in results[1][2].items():
        assert (results[0][2][name] - expected).norm() < 2e-2 * expected.norm(), name
