"""What splatting writes, against independent readers: PLY, video, the camera path; and LPIPS."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import imageio.v2 as imageio
import lpips
import numpy as np
import pytest
import torch
import torchvision
from gsplat import export_splats
from plyfile import PlyData
from torch.nn import ParameterDict

from hw4.config import EvalConfig
from hw4.core.command import STARTED
from hw4.core.errors import UserError
from hw4.core.metric import MetricUnavailable
from hw4.data.scenes.ply import read_ply_points
from hw4.splat import pictures
from hw4.splat.gaussians import TRAINED, load_ply, make_gaussians, save_ply
from hw4.splat.scoring.evaluate import render_view
from hw4.splat.scoring.lpips import load_lpips, lpips_distance
from hw4.splat.scoring.lpips_weights import checkpoints_folder, find_weights
from hw4.splat.video import fly_through
from tests.support.splat_scenes import HEIGHT, WIDTH, true_scene


def random_gaussians(n: int = 7, sh_degree: int = 3) -> ParameterDict:
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 255, (n, 3)).astype(np.uint8)
    gaussians = make_gaussians(rng.normal(size=(n, 3)), colors, sh_degree, 0.3)
    with torch.no_grad():
        for name in ("shN", "quats", "scales", "opacities"):
            gaussians[name].normal_()
    return gaussians


@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
def test_ply_is_what_gsplat_exports(sh_degree: int, tmp_path: Path) -> None:
    gaussians = random_gaussians(sh_degree=sh_degree)
    save_ply(gaussians, tmp_path / "g.ply")
    theirs = PlyData.read(
        io.BytesIO(export_splats(**{k: gaussians[k].detach() for k in TRAINED}, format="ply"))
    )
    ours = PlyData.read(str(tmp_path / "g.ply"))["vertex"].data
    expected = theirs["vertex"].data
    # gsplat leaves the normals out, which the standard has and nobody reads.
    normals = {"nx", "ny", "nz"}
    assert [name for name in ours.dtype.names if name not in normals] == [
        name for name in expected.dtype.names if name not in normals
    ]
    assert normals <= set(ours.dtype.names)
    for name in set(expected.dtype.names) - normals:
        np.testing.assert_array_equal(ours[name], expected[name], err_msg=name)


def test_a_ply_of_gsplat_is_read(tmp_path: Path) -> None:
    gaussians = random_gaussians()
    export_splats(
        **{k: gaussians[k].detach() for k in TRAINED}, format="ply", save_to=str(tmp_path / "theirs.ply")
    )
    again = load_ply(tmp_path / "theirs.ply")
    assert all(torch.equal(again[name], gaussians[name]) for name in TRAINED)


@pytest.mark.parametrize("sh_degree", [0, 2])
def test_no_gaussians_are_a_file_too(sh_degree: int, tmp_path: Path) -> None:
    full = random_gaussians(3, sh_degree)
    save_ply(ParameterDict({name: p[:0] for name, p in full.items()}), tmp_path / "none.ply")
    again = load_ply(tmp_path / "none.ply")
    assert {name: tuple(again[name].shape) for name in TRAINED} == {
        name: (0, *full[name].shape[1:]) for name in TRAINED
    }


@pytest.mark.parametrize("name", ["means", "sh0", "opacities"])
def test_a_ply_without_numbers_is_refused(name: str, tmp_path: Path) -> None:
    gaussians = random_gaussians()
    with torch.no_grad():
        gaussians[name][2:4] = float("nan")
    save_ply(gaussians, tmp_path / "nan.ply")
    with pytest.raises(UserError, match=f"nan.ply: 2 of 7 Gaussians have {name} that are no finite numbers"):
        load_ply(tmp_path / "nan.ply")


def test_an_opacity_of_exactly_one_is_a_number(tmp_path: Path) -> None:
    gaussians = random_gaussians()
    with torch.no_grad():
        gaussians["opacities"][0] = float("inf")
    save_ply(gaussians, tmp_path / "one.ply")
    assert load_ply(tmp_path / "one.ply")["opacities"][0].sigmoid() == 1


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (WIDTH - 1, HEIGHT - 1)])
def test_the_video_shows_the_path(size: tuple[int, int], tmp_path: Path) -> None:
    truth = true_scene()[1]
    path = fly_through(truth.gaussians, truth.cam_from_world, truth.Ks[0], size, 7, tmp_path / "v.mp4")
    frames = np.stack(imageio.mimread(path, memtest=False))
    even = (size[0] - size[0] % 2, size[1] - size[1] % 2)
    assert frames.shape == (7, even[1], even[0], 3)
    for frame, view in ((0, 0), (3, 1), (6, 2)):
        with torch.no_grad():
            expected = render_view(truth.gaussians, truth.cam_from_world[view], truth.Ks[0], *even)
        error = np.abs(frames[frame] / 255.0 - expected.clamp(0, 1).numpy()).mean()
        assert error < 0.06, "H.264 halves the colours' resolution"
    # It is the frame's own picture, and no neighbour's.
    assert np.abs(frames[0].astype(float) - frames[6]).mean() > 10


def failing_writer(*_: object, **__: object) -> object:
    raise OSError("No space left on device\nffmpeg's whole command line\nand more")


def empty_count(_: str) -> tuple[int, float]:
    raise RuntimeError("")


@pytest.mark.parametrize(
    ("name", "stand_in", "reason"),
    [
        ("count_frames_and_secs", lambda _: (6, 0.2), "frames are missing"),
        ("count_frames_and_secs", empty_count, "RuntimeError"),
        ("imageio.get_writer", failing_writer, "No space left on device"),
    ],
)
def test_a_broken_video_never_takes_the_place_of_a_whole_one(
    name: str, stand_in: Callable[..., object], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = true_scene()[1]
    monkeypatch.setattr(f"hw4.splat.video.{name}", stand_in)
    (tmp_path / "v.mp4").write_bytes(b"the one before")
    with pytest.raises(UserError, match=f"could not encode the fly-through .{reason}.: free some") as raised:
        fly_through(
            truth.gaussians, truth.cam_from_world, truth.Ks[0], (WIDTH, HEIGHT), 7, tmp_path / "v.mp4"
        )
    assert "\n" not in str(raised.value)
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]
    assert (tmp_path / "v.mp4").read_bytes() == b"the one before"


def test_a_video_of_one_pixel_is_refused(tmp_path: Path) -> None:
    truth = true_scene()[1]
    with pytest.raises(UserError, match="40x1 pixels are too few for a video"):
        fly_through(truth.gaussians, truth.cam_from_world, truth.Ks[0], (40, 1), 3, tmp_path / "v.mp4")


def test_strips_show_truth_render_and_error() -> None:
    truth, render = np.full((2, 3, 3), 10, np.uint8), np.full((2, 3, 3), 250, np.uint8)
    strip = pictures.strip(truth, render)
    assert strip.shape == (2, 9, 3)
    assert (strip[:, :3] == 10).all() and (strip[:, 3:6] == 250).all() and (strip[:, 6:] == 240).all()


@pytest.mark.slow
@pytest.mark.parametrize("net", ["vgg", "alex"])
def test_lpips_is_the_packages_own(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """lpips builds its network itself, from a backbone that stands in the place of torchvision's."""
    torch.manual_seed(0)
    makers = {"vgg": "vgg16", "alex": "alexnet"}
    backbone = getattr(torchvision.models, makers[net])(weights=None).eval()
    torch.save(backbone.state_dict(), tmp_path / "backbone.pth")
    with monkeypatch.context() as patch:
        patch.setattr(lpips.pretrained_networks.tv, makers[net], lambda **_: backbone)
        theirs = lpips.LPIPS(net=net, verbose=False).eval()
    ours = load_lpips(EvalConfig(lpips_net=net, lpips_weights=str(tmp_path / "backbone.pth")))
    image, target = torch.rand(2, 40, 56, 3)
    x, y = (t.permute(2, 0, 1)[None] for t in (image, target))
    with torch.no_grad():
        expected = float(theirs.forward(x, y, normalize=True))
        # What normalize means: the network wants [-1, 1].
        assert float(theirs.forward(2 * x - 1, 2 * y - 1)) == pytest.approx(expected)
        assert float(theirs.forward(x, y)) != pytest.approx(expected, rel=1e-2)
    assert lpips_distance(ours, image, target) == pytest.approx(expected, rel=1e-6)
    assert lpips_distance(ours, image, image) == 0
    for size in (4, 12):
        with pytest.raises(MetricUnavailable, match=f"images of {size}x{size} pixels are too small"):
            lpips_distance(ours, image[:size, :size], target[:size, :size])


def test_weights_that_do_not_fit_are_told(tmp_path: Path) -> None:
    path = tmp_path / "alex.pth"
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), path)
    with pytest.raises(UserError, match="does not hold torchvision's weights of vgg"):
        load_lpips(EvalConfig(lpips_weights=str(path)))
    path.write_bytes(b"junk")
    with pytest.raises(UserError, match="cannot read the LPIPS weights"):
        load_lpips(EvalConfig(lpips_net="alex", lpips_weights=str(path)))
    with pytest.raises(MetricUnavailable, match="lpips_download=false"):
        load_lpips(EvalConfig(lpips_net="alex", lpips_download=False))


PLY_HEADER = "ply\nformat {form} 1.0\nelement vertex {count}\n{lines}end_header\n"
XYZ = "".join(f"property float {axis}\n" for axis in "xyz")


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian"])
@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (10**12, XYZ),
        (10**30, XYZ),
        (-1, XYZ),
        (1, "property list uchar float x\nproperty float y\nproperty float z\n"),
        (1, "property float x\n"),
        (1, "property float x\nproperty float x\n"),
    ],
)
def test_a_header_that_lies_is_one_sentence(tmp_path: Path, form: str, count: int, lines: str) -> None:
    path = tmp_path / "points.ply"
    content = "1 2 3\n" if form == "ascii" else "\1" * 20
    path.write_text(PLY_HEADER.format(form=form, count=count, lines=lines) + content)
    for read in (load_ply, read_ply_points):
        with pytest.raises(UserError, match=r"points\.ply"):
            read(path)


def test_torchs_folder_is_told_without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for names in ({}, {"XDG_CACHE_HOME": str(tmp_path)}, {"TORCH_HOME": "~/weights", "XDG_CACHE_HOME": "/x"}):
        with monkeypatch.context() as patch:
            for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
                patch.delenv(name, raising=False)
            for name, value in names.items():
                patch.setenv(name, value)
            assert checkpoints_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_server_that_does_not_answer_is_asked_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    asked = []

    def unreachable(url: str, *_: object, **__: object) -> None:
        asked.append(url)
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    config = EvalConfig(lpips_net="alex")
    with pytest.raises(MetricUnavailable, match=r"could not be downloaded \(OSError;") as first:
        find_weights(config)
    with pytest.raises(MetricUnavailable) as second:
        find_weights(config)
    assert len(asked) == 1 and str(first.value) == str(second.value)
    (marker,) = checkpoints_folder().iterdir()
    os.utime(marker, (100, 100))
    # A sweep that has asked does not ask again, however long it takes.
    monkeypatch.setenv(STARTED, "99.5")
    with pytest.raises(MetricUnavailable, match="OSError"):
        find_weights(config)
    assert len(asked) == 1
    monkeypatch.setenv(STARTED, "100.5")
    with pytest.raises(MetricUnavailable, match="OSError"):
        find_weights(config)
    assert len(asked) == 2
