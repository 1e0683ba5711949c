"""What `torture.py` does to data: inputs that are bad by accident, and files that are meant to harm."""

import json
import os
import pickle
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PAIRS = ("task=pose", "model=sfm", "data=pairs", "data.root=data")
SCENE = (
    *("task=splat", "data=scene", "data.root=data/scene", "splat.iterations=8", "splat.video_frames=0"),
    *("splat.checkpoint_every=2", "splat.eval.lpips_download=false"),
)

Harm = Callable[[Path], object]


def _set_truth(**values: float) -> Harm:
    def harm(data: Path) -> None:
        truth = np.load(data / "gt.npy", allow_pickle=True).item()
        truth[0]["img1"].update(values)
        (data / "gt.npy").unlink()
        (data / "gt.json").write_text(json.dumps(truth))

    return harm


def _write(name: str, content: str | bytes) -> Harm:
    return lambda data: (data / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _cut(name: str) -> Harm:
    return lambda data: (data / name).write_bytes(
        (data / name).read_bytes()[: (data / name).stat().st_size // 2]
    )


def _instead(name: str, make: Callable[[Path], object]) -> Harm:
    def harm(data: Path) -> None:
        (data / name).unlink(missing_ok=True)
        make(data / name)

    return harm


def _replaced(name: str, old: str, new: str) -> Harm:
    return lambda data: (data / name).write_text((data / name).read_text().replace(old, new))


def _zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def untouched(data: Path) -> None:
    """No harm."""


class _Canary:
    """Unpickled, it would leave a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("canary", "w")


def _ply(count: int, properties: str) -> str:
    return f"ply\nformat ascii 1.0\nelement vertex {count}\n{properties}end_header\n1 2 3\n"


XYZ = "".join(f"property float {axis}\n" for axis in "xyz")
NPY = (
    b"\x93NUMPY\x01\x00\x76\x00"
    + b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117)
    + b"\n"
)
FRAME = "interpolated/0/sample/0_frame2.png"
TRAINING, CLOUD = "scene/sparse_3/0", "scene/sparse_3/0/points3D.ply"
VIDEOS = ("input=interpolated", "data.generator=sample")

BAD: dict[str, tuple[Sequence[str], Harm]] = {
    "an empty index": (PAIRS, _write("pairs.txt", "")),
    "an index of bytes": (PAIRS, _write("pairs.txt", bytes(range(256)))),
    "a sample twice": (PAIRS, _replaced("pairs.txt", "1 0001_a", "0 0001_a")),
    "a photo that is not there": (PAIRS, lambda data: (data / "images/0000_a.png").unlink()),
    "a photo cut in half": (PAIRS, _cut("images/0000_a.png")),
    "a photo that is none": (PAIRS, _write("images/0000_a.png", "no photo")),
    "a link to nowhere": (PAIRS, _instead("images/0000_a.png", _dangling)),
    "a truth cut in half": (PAIRS, _cut("gt.npy")),
    "a quaternion of zeros": (PAIRS, _set_truth(qx=0, qy=0, qz=0, qw=0)),
    "a quaternion of 1e308": (PAIRS, _set_truth(qx=1e308, qy=1e308)),
    "a frame cut in half": ((*PAIRS, *VIDEOS), _cut(FRAME)),
    "a frame that leads nowhere": ((*PAIRS, *VIDEOS), _instead(FRAME, _dangling)),
    "a split without cameras": (SCENE, lambda data: (data / TRAINING / "cameras.txt").unlink()),
    "a list of images cut in half": (SCENE, _cut(f"{TRAINING}/images.txt")),
    "a camera of 6e9 pixels": (SCENE, _replaced(f"{TRAINING}/cameras.txt", " 64 48 ", " 80000 75000 ")),
    "a photo on both sides": (
        SCENE,
        lambda d: shutil.copytree(d / TRAINING, d / "scene/sparse_3/1", dirs_exist_ok=True),
    ),
    "more training views than photos": ((*SCENE, "data.layout=photos", "data.train_views=99"), untouched),
    "a generator outside": ((*PAIRS, *VIDEOS, "data.generator=../.."), untouched),
    "a number of 400 digits": ((*PAIRS, f"data.limit={'9' * 400}"), untouched),
    "a word for a number": ((*PAIRS, "metrics.bootstrap=many"), untouched),
}
HOSTILE: dict[str, tuple[Sequence[str], Harm]] = {
    "a truth that runs code": (PAIRS, _write("gt.npy", NPY + pickle.dumps(_Canary()))),
    "a forged type of arrays": (PAIRS, _write("gt.npy", NPY + pickle.dumps(np.dtype("O")))),
    "predictions that run code": (
        ("task=score", *PAIRS[1:], "score.predictions=data/p.npy"),
        _write("p.npy", NPY + pickle.dumps(_Canary())),
    ),
    "a pipe for an index": (PAIRS, _instead("pairs.txt", os.mkfifo)),
    "a pipe for a truth": (PAIRS, _instead("gt.npy", os.mkfifo)),
    "a pipe for a photo": (PAIRS, _instead("images/0000_a.png", os.mkfifo)),
    "a pipe for a frame": ((*PAIRS, *VIDEOS), _instead(FRAME, os.mkfifo)),
    "a device for a frame": ((*PAIRS, *VIDEOS), _instead(FRAME, _zero)),
    "a device for a photo": (SCENE, _instead("scene/images/000.png", _zero)),
    "JSON of 100 000 levels": (
        PAIRS,
        lambda d: (_instead("gt.npy", Path.touch)(d), _write("gt.json", "[" * 10**5)(d)),
    ),
    "an image name that leads out": (SCENE, _replaced(f"{TRAINING}/images.txt", "000.png", "../../../x.png")),
    "a PLY of 10^12 points": (SCENE, _write(CLOUD, _ply(10**12, XYZ))),
    "a PLY of lists": (SCENE, _write(CLOUD, _ply(1, XYZ.replace("float x", "list uchar float x")))),
    "a PLY to render that is none": (
        ("task=render", *SCENE[1:], "splat.render.ply=data/x.ply"),
        _write("x.ply", _ply(10**12, XYZ)),
    ),
}
