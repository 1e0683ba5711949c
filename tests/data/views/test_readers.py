"""Each data set of posed views, written small in its exact layout: a known point projects where it must."""

import gzip
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.config import (
    CambridgeConfig,
    Co3dConfig,
    Config,
    DataConfig,
    Eth3dConfig,
    MetricsConfig,
    NerfstudioConfig,
    PairsConfig,
    Re10kConfig,
    ScannetConfig,
    SevenScenesConfig,
    SpatialbenchConfig,
    TumConfig,
    ViewsConfig,
)
from hw4.config.decides import pose_address
from hw4.core.errors import UserError
from hw4.data.registry import OWN, scene_files, scene_views
from hw4.data.scenes.scene import scene_of
from hw4.data.views.depth import read_depth
from hw4.data.views.load import load_views
from hw4.data.views.scene import SceneViews
from hw4.data.views.tum import associate
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.registry import build_model
from hw4.models.sfm.config import SfmConfig
from hw4.models.vggt.config import VggtConfig
from hw4.pose.evaluate import evaluate_pose
from tests.support.views import write_photos

N = 4
SIZE = (64, 48)
K = np.array([[70.0, 0, 30], [0, 72, 25], [0, 0, 1]])
POINT = np.array([0.2, -0.1, 0.3])


def cameras() -> np.ndarray:
    """(N, 4, 4) world-to-camera with turns about every axis, before which POINT lies."""
    found = np.tile(np.eye(4), (N, 1, 1))
    angles = [(5 * i + 3, 12 * i - 20, 7 * i) for i in range(N)]
    found[:, :3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    found[:, :3, 3] = [[0.1 * i, -0.05 * i, 3 + 0.2 * i] for i in range(N)]
    return found


WORLD_FROM_CAM = np.linalg.inv(cameras())


def pixels(cam_from_world: np.ndarray, Ks: np.ndarray) -> np.ndarray:
    """(N, 2) where POINT is seen."""
    seen = np.einsum("nij,nj->ni", Ks, cam_from_world[:, :3, :3] @ POINT + cam_from_world[:, :3, 3])
    return np.asarray(seen[:, :2] / seen[:, 2:])


TRUE_PIXELS = pixels(cameras(), np.tile(K, (N, 1, 1)))


def text(path: Path, rows: Sequence[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(str, rows)) + "\n")


def numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.17g}" for value in np.ravel(values))


def depth_png(path: Path, stored: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = np.full((SIZE[1], SIZE[0]), stored, np.uint16)
    content[0, 0] = 0
    Image.fromarray(content).save(path)


def nerfstudio(root: Path) -> ViewsConfig:
    opengl = WORLD_FROM_CAM @ np.diag([1.0, -1, -1, 1])
    frames: list[dict[str, Any]] = [
        {"file_path": f"images/{i}.png", "transform_matrix": opengl[i].tolist()} for i in range(N)
    ]
    for i in range(N):
        depth_png(root / f"depth/{i}.png", 2500)
        frames[i]["depth_file_path"] = f"depth/{i}.png"
    lost = np.full((4, 4), np.nan).tolist()
    content = {
        **{"fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2], "w": SIZE[0], "h": SIZE[1]},
        "camera_model": "OPENCV",
        "k1": 0.1,
        "frames": [*frames, {"file_path": "images/lost.png", "transform_matrix": lost}],
        "test_filenames": ["images/2.png"],
    }
    text(root / "transforms.json", [json.dumps(content)])
    write_photos([root / f"images/{i}.png" for i in range(N)], SIZE)
    return NerfstudioConfig(root=str(root))


def tum(root: Path) -> ViewsConfig:
    """The photos a little before the poses; one pose is too far away, and one photo has no depth map."""
    root = root / "rgbd_dataset_freiburg3_small"
    text(root / "rgb.txt", ["# color images", *(f"{i}.50 rgb/{i}.png" for i in range(N)), "9.5 rgb/lost.png"])
    quat = Rotation.from_matrix(WORLD_FROM_CAM[:, :3, :3]).as_quat()
    rows = [f"{i}.515 {numbers(WORLD_FROM_CAM[i, :3, 3])} {numbers(quat[i])}" for i in range(N)]
    text(root / "groundtruth.txt", ["# timestamp tx ty tz qx qy qz qw", *rows, "9.6 0 0 0 0 0 0 1"])
    text(root / "depth.txt", [f"{i}.51 depth/{i}.png" for i in range(N - 1)])
    # The corner of the image is half a pixel before the first pixel's centre.
    text(root / "calibration.txt", [f"{K[0, 0]} {K[1, 1]} {K[0, 2] - 0.5} {K[1, 2] - 0.5}"])
    for i in range(N):
        depth_png(root / f"depth/{i}.png", 12500)
    write_photos([root / f"rgb/{i}.png" for i in range(N)], (640, 480))
    return TumConfig(root=str(root))


def seven_scenes(root: Path) -> ViewsConfig:
    for i in range(N):
        stem = root / "chess" / f"seq-0{i // 2 + 1}" / f"frame-00000{i}"
        text(stem.parent / f"{stem.name}.pose.txt", [numbers(row) for row in WORLD_FROM_CAM[i]])
        depth_png(stem.parent / f"{stem.name}.depth.png", 2500)
        write_photos([stem.parent / f"{stem.name}.color.png"], (640, 480))
    Image.new("I;16", SIZE, 65535).save(root / "chess/seq-01/frame-000000.depth.png")
    text(root / "chess/TrainSplit.txt", ["sequence1"])
    text(root / "chess/TestSplit.txt", ["sequence2"])
    return SevenScenesConfig(root=str(root))


def scannet(root: Path) -> ViewsConfig:
    scan = root / "scans" / "scene0000_00"
    for i in range(N):
        # Ten comes after nine.
        text(scan / f"pose/{i + 8}.txt", [numbers(row) for row in WORLD_FROM_CAM[i]])
        depth_png(scan / f"depth/{i + 8}.png", 2500)
    text(scan / "pose/99.txt", ["-inf -inf -inf -inf"] * 4)
    matrix = np.eye(4)
    matrix[:3, :3] = K - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    text(scan / "intrinsic/intrinsic_color.txt", [numbers(row) for row in matrix])
    write_photos([scan / f"color/{i + 8}.jpg" for i in range(N)], SIZE)
    return ScannetConfig(root=str(root))


def eth3d(root: Path) -> ViewsConfig:
    scene = root / "courtyard"
    model = scene / "dslr_calibration_jpg"
    text(model / "cameras.txt", [f"0 PINHOLE {SIZE[0]} {SIZE[1]} {K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}"])
    quat = Rotation.from_matrix(cameras()[:, :3, :3]).as_quat()[:, [3, 0, 1, 2]]
    rows = [
        f"{i + 1} {numbers(quat[i])} {numbers(cameras()[i, :3, 3])} 0 dslr_images/{i}.JPG\n" for i in range(N)
    ]
    text(model / "images.txt", rows)
    text(model / "points3D.txt", [])
    write_photos([scene / f"images/dslr_images/{i}.JPG" for i in range(N)], SIZE)
    depth = np.full((SIZE[1], SIZE[0]), 2.5, "<f4")
    depth[0, 0] = np.inf
    (scene / "ground_truth_depth/dslr_images").mkdir(parents=True)
    for i in range(N - 1):
        (scene / f"ground_truth_depth/dslr_images/{i}.JPG").write_bytes(depth.tobytes())
    return Eth3dConfig(root=str(root), photos="jpg")


def co3d(root: Path, kind: str = "ndc_isotropic") -> ViewsConfig:
    half = np.array([min(SIZE)] * 2 if kind == "ndc_isotropic" else SIZE) / 2
    flip = np.diag([-1.0, -1, 1])
    frames = []
    for i in range(N):
        stem = f"apple/110_13051/images/frame00000{i + 1}.jpg"
        viewpoint = {
            # Row vectors, x left and y up.
            "R": (flip @ cameras()[i, :3, :3]).T.tolist(),
            "T": (flip @ cameras()[i, :3, 3]).tolist(),
            "focal_length": (K[[0, 1], [0, 1]] / half).tolist(),
            "principal_point": ((np.array(SIZE) / 2 - K[:2, 2]) / half).tolist(),
            "intrinsics_format": kind,
        }
        frames.append(
            {
                "sequence_name": "110_13051",
                "frame_number": N - i,
                "image": {"path": stem, "size": [SIZE[1], SIZE[0]]},
                "depth": {"path": f"apple/110_13051/depths/{i}.png", "scale_adjustment": 2.0},
                "viewpoint": viewpoint,
            }
        )
        write_photos([root / stem], SIZE)
        (root / "apple/110_13051/depths").mkdir(exist_ok=True)
        halves = np.full((SIZE[1], SIZE[0]), 1.25, np.float16)
        halves[0, 0] = 0
        Image.fromarray(halves.view(np.uint16)).save(root / f"apple/110_13051/depths/{i}.png")
    frames.append({**frames[0], "frame_number": 99, "viewpoint": None})
    (root / "apple/frame_annotations.jgz").write_bytes(gzip.compress(json.dumps(frames).encode()))
    sequences = [{"sequence_name": "110_13051", "viewpoint_quality_score": 0.8}]
    (root / "apple/sequence_annotations.jgz").write_bytes(gzip.compress(json.dumps(sequences).encode()))
    return Co3dConfig(root=str(root))


def re10k(root: Path) -> ViewsConfig:
    unit = numbers(np.array([K[0, 0] / SIZE[0], K[1, 1] / SIZE[1], K[0, 2] / SIZE[0], K[1, 2] / SIZE[1]]))
    rows = [f"{i + 1}000 {unit} 0 0 {numbers(cameras()[i, :3])}" for i in range(N)]
    lost = f"9000 {unit} 0 0 {numbers(cameras()[0, :3])}"
    text(root / "test/0c4c5d5f751aabf5.txt", ["https://www.youtube.com/watch?v=x", *rows, lost])
    write_photos([root / f"frames/0c4c5d5f751aabf5/{i + 1}000.png" for i in range(N)], SIZE)
    return Re10kConfig(root=str(root), split="test")


def cambridge(root: Path) -> ViewsConfig:
    quat = Rotation.from_matrix(cameras()[:, :3, :3]).as_quat()[:, [3, 0, 1, 2]]
    centers = WORLD_FROM_CAM[:, :3, 3]
    rows = [f"seq1/frame0000{i}.png {numbers(centers[i])} {numbers(quat[i])}" for i in range(N)]
    header = ["Visual Landmark Dataset V1", "ImageFile, Camera Position [X Y Z W P Q R]", ""]
    text(root / "ShopFacade/dataset_train.txt", [*header, *rows[:2]])
    text(root / "ShopFacade/dataset_test.txt", [*header, *rows[2:]])
    nvm = [f"seq1/frame0000{i}.jpg 1670 {numbers(quat[i])} {numbers(centers[i])} -0.01 0" for i in range(N)]
    text(root / "ShopFacade/reconstruction.nvm", ["NVM_V3", "", N, *nvm, "", 0])
    write_photos([root / f"ShopFacade/seq1/frame0000{i}.png" for i in range(N)], (192, 108))
    return CambridgeConfig(root=str(root))


def spatialbench(root: Path) -> ViewsConfig:
    scene = root / "sparse/tum/desk"
    for folder in ("poses", "intrinsics"):
        (scene / folder).mkdir(parents=True)
    for i in range(N):
        np.save(scene / f"poses/{i:06d}.npy", WORLD_FROM_CAM[i, :3].astype(np.float64))
        depth_png(scene / f"depths/{i:06d}.png", 2500)
    np.save(scene / "intrinsics/intrinsic.npy", K)
    text(scene / "meta.json", ['{"depth_format": "uint16_png_div1000", "intrinsic_mode": "shared"}'])
    write_photos([scene / f"images/{i:06d}.jpg" for i in range(N)], SIZE)
    return SpatialbenchConfig(root=str(root))


# What writes a layout; the name of its scene; the views' names; what is said of views that are left out.
LAYOUTS: dict[str, tuple[Callable[[Path], ViewsConfig], str, list[str], str]] = {
    "nerfstudio": (
        nerfstudio,
        "data",
        [f"images/{i}.png" for i in range(N)],
        "1 of 5 views has no pose and is left out",
    ),
    "tum": (
        tum,
        "rgbd_dataset_freiburg3_small",
        [f"rgb/{i}.png" for i in range(N)],
        "1 of 5 views has no pose within 0.02 s",
    ),
    "7scenes": (
        seven_scenes,
        "chess",
        [f"seq-0{i // 2 + 1}/frame-00000{i}" for i in range(N)],
        "",
    ),
    "scannet": (
        scannet,
        "scans/scene0000_00",
        ["8", "9", "10", "11"],
        "1 of 5 views has no pose and is left out",
    ),
    "eth3d": (eth3d, "courtyard", [f"dslr_images/{i}.JPG" for i in range(N)], ""),
    "co3d": (
        co3d,
        "apple/110_13051",
        [f"frame00000{N - i}" for i in range(N)],
        "1 of 5 views has no pose and is left out",
    ),
    "re10k": (
        re10k,
        "0c4c5d5f751aabf5",
        [f"{i + 1}000" for i in range(N)],
        "1 of 5 views has no pose or no photo",
    ),
    "cambridge": (cambridge, "ShopFacade", [f"seq1/frame0000{i}.png" for i in range(N)], ""),
    "spatialbench": (spatialbench, "sparse/tum/desk", [f"{i:06d}.jpg" for i in range(N)], ""),
}


def read(name: str, tmp_path: Path, **keys: Any) -> tuple[SceneViews, ViewsConfig]:
    config = LAYOUTS[name][0](tmp_path / "data")
    for key, value in keys.items():
        setattr(config, key, value)
    (scene,) = scene_views(config)
    return scene, config


def test_every_data_set_of_views_is_tested_here() -> None:
    assert {spec.name for spec in OWN if spec.views} == {*LAYOUTS, "colmap"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_known_point_projects_where_it_must(name: str, tmp_path: Path) -> None:
    scene, config = read(name, tmp_path)
    _, expected, names, dropped = LAYOUTS[name]
    assert scene.scene == expected and list(scene.names) == names
    order = slice(None, None, -1) if name == "co3d" else slice(None)
    np.testing.assert_allclose(scene.cam_from_world, cameras()[order], atol=1e-9)
    assert any(note.startswith(dropped) for note in scene.notes) or not dropped
    # As a sample, with K in pixels of the photos.
    config.sampler = "all"
    (sample,) = load_views(config).samples
    assert sample.problem is None and sample.Ks is not None and sample.cam_from_world is not None
    known = {"7scenes": np.array([[585.0, 0, 320], [0, 585, 240], [0, 0, 1]])}
    known |= {"cambridge": np.array([[167.0, 0, 96], [0, 167, 54], [0, 0, 1]])}
    if name in known:
        np.testing.assert_allclose(sample.Ks, np.tile(known[name], (N, 1, 1)))
    else:
        found = pixels(sample.cam_from_world, sample.Ks)
        np.testing.assert_allclose(found, TRUE_PIXELS[order], atol=1e-6)
    assert all(path.is_file() for path in (*scene.paths, *scene.listing))


@pytest.mark.parametrize("name", ["nerfstudio", "tum", "7scenes", "scannet", "eth3d", "co3d", "spatialbench"])
def test_depth_maps_are_in_units_of_the_poses(name: str, tmp_path: Path) -> None:
    scene, _ = read(name, tmp_path)
    assert scene.depths is not None
    file = scene.depths[1]
    assert file is not None
    depth = read_depth(file)
    assert depth.shape == (SIZE[1], SIZE[0]) and np.isnan(depth[0, 0])
    np.testing.assert_allclose(depth.ravel()[1:], 2.5, rtol=1e-3)
    if name == "7scenes":
        nothing = scene.depths[0]
        assert nothing is not None and np.isnan(read_depth(nothing)).all()
    if name in ("tum", "eth3d"):
        assert scene.depths[-1] is None


def test_splits_choose_views(tmp_path: Path) -> None:
    def names(name: str, **keys: Any) -> list[str]:
        return list(read(name, tmp_path / f"{name}{len(keys)}{keys}", **keys)[0].names)

    assert names("7scenes", split="test") == ["seq-02/frame-000002", "seq-02/frame-000003"]
    assert names("cambridge", split="train") == ["seq1/frame00000.png", "seq1/frame00001.png"]
    assert names("nerfstudio", split="test") == ["images/2.png"]
    with pytest.raises(UserError, match="has no train_filenames"):
        names("nerfstudio", split="train")


def test_blenders_files_have_one_angle_and_names_without_suffix(tmp_path: Path) -> None:
    matrix = (WORLD_FROM_CAM[0] @ np.diag([1.0, -1, -1, 1])).tolist()
    frames = [{"file_path": "./train/r_0", "transform_matrix": matrix}]
    content = {"camera_angle_x": 0.7, "w": SIZE[0], "h": SIZE[1], "frames": frames}
    text(tmp_path / "transforms_train.json", [json.dumps(content)])
    frames[0]["file_path"] = "./test/r_0"
    text(tmp_path / "transforms_test.json", [json.dumps(content)])
    write_photos([tmp_path / "train/r_0.png", tmp_path / "test/r_0.png"], SIZE)
    (scene,) = scene_views(NerfstudioConfig(root=str(tmp_path)))
    assert [path.relative_to(tmp_path).as_posix() for path in scene.paths] == [
        "train/r_0.png",
        "test/r_0.png",
    ]
    assert scene.Ks is not None and scene.Ks[0, 0, 0] == pytest.approx(32 / np.tan(0.35))
    (scene,) = scene_views(NerfstudioConfig(root=str(tmp_path), split="test"))
    assert scene.names == ("test/r_0",)


def test_co3d_of_either_format_and_quality(tmp_path: Path) -> None:
    co3d(tmp_path, "ndc_norm_image_bounds")
    (scene,) = scene_views(Co3dConfig(root=str(tmp_path / "apple"), min_quality=0.7))
    assert scene.scene == "apple/110_13051" and scene.Ks is not None
    np.testing.assert_allclose(scene.Ks[0], K)
    with pytest.raises(UserError, match="no category 'pear'"):
        scene_views(Co3dConfig(root=str(tmp_path), categories=["pear"]))


def test_times_are_associated_with_the_nearest_within_the_limit() -> None:
    times = np.array([0.0, 1.0, 1.02, 2.0, 5.0])
    others = np.array([1.01, 0.005, 2.4, 5.2])
    assert associate(times, others, 0.03).tolist() == [1, 0, -1, -1, -1] or associate(
        times, others, 0.03
    ).tolist() == [1, -1, 0, -1, -1]
    assert associate(times, others, 0.5).tolist()[3:] == [2, 3]
    assert associate(times, np.zeros(0), 1.0).tolist() == [-1] * 5
    assert associate(np.array([3.0]), np.array([3.01]), 0.02).tolist() == [0]


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        ("nerfstudio", ["images/0.png", "images/1.png", "images/3.png"], ["images/2.png"]),
        (
            "7scenes",
            [f"chess/seq-01/frame-00000{i}.color.png" for i in (0, 1)],
            [f"chess/seq-02/frame-00000{i}.color.png" for i in (2, 3)],
        ),
        (
            "cambridge",
            [f"ShopFacade/seq1/frame0000{i}.png" for i in (0, 1)],
            [f"ShopFacade/seq1/frame0000{i}.png" for i in (2, 3)],
        ),
    ],
)
def test_the_held_out_views_are_those_of_the_data_set(
    name: str, train: list[str], test: list[str], tmp_path: Path
) -> None:
    config = LAYOUTS[name][0](tmp_path / "data")
    if name == "nerfstudio":
        path = tmp_path / "data/transforms.json"
        path.write_text(path.read_text().replace('"k1": 0.1', '"k1": 0'))
    files = scene_files(config)
    assert (files.train.names, files.test.names) == (train, test)
    scene = scene_of(config)
    np.testing.assert_allclose(
        scene.test.cam_from_world, cameras()[[int(name.split(".")[0][-1]) for name in test]], atol=1e-9
    )
    assert scene.train.Ks is not None and scene.train.points is None
    config.train_views = 3  # type: ignore[attr-defined]
    if name != "nerfstudio":
        with pytest.raises(UserError, match=r"has 2 views for training: fewer than data.train_views=3"):
            scene_files(config)


def test_what_cannot_be_splatted_is_one_sentence(tmp_path: Path) -> None:
    config = nerfstudio(tmp_path / "data")
    with pytest.raises(UserError, match="have lens distortion, which splatting does not undo"):
        scene_files(config)
    seven_scenes(tmp_path / "more")
    (tmp_path / "more/chess").rename(tmp_path / "more/fire")
    config = seven_scenes(tmp_path / "more")
    with pytest.raises(UserError, match=r"holds chess, fire: set data.scenes=\[chess\]"):
        scene_files(config)


def _damage(path: str, content: str | bytes) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


NERF_FRAME = json.dumps({"file_path": "a.png", "transform_matrix": np.eye(4).tolist()})
TUM = "rgbd_dataset_freiburg3_small"
NO_ROTATION = "1 0 0 0\n0 5 0 0\n0 0 1 0\n0 0 0 1\n"


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("nerfstudio", _damage("transforms.json", "{"), "cannot read .*transforms.json"),
        ("nerfstudio", _damage("transforms.json", '{"frames": 3}'), "has no list of frames"),
        (
            "nerfstudio",
            _damage("transforms.json", '{"frames": [{"file_path": "a"}]}'),
            "has no transform_matrix",
        ),
        (
            "nerfstudio",
            _damage("transforms.json", '{"frames": [{"file_path": []}], "test_filenames": []}'),
            "has no transform_matrix",
        ),
        ("tum", _damage(f"{TUM}/groundtruth.txt", "1 2 3\n"), "not 'timestamp tx ty tz qx qy qz qw'"),
        ("tum", _damage(f"{TUM}/rgb.txt", "x y\n"), "not 'timestamp filename'"),
        ("tum", _damage(f"{TUM}/rgb.txt", "1 ../../x.png\n"), "leads out of"),
        ("tum", _damage(f"{TUM}/groundtruth.txt", "0.5 0 0 0 0 0 0 3\n"), "not of unit length"),
        ("7scenes", _damage("chess/seq-01/frame-000000.pose.txt", "1 2"), "does not hold 4x4 numbers"),
        ("7scenes", _damage("chess/seq-01/frame-000000.pose.txt", NO_ROTATION), "holds no rotation matrix"),
        ("scannet", _damage("scans/scene0000_00/pose/9.txt", "a b"), "does not hold 4x4 numbers"),
        ("eth3d", _damage("courtyard/dslr_calibration_jpg/cameras.txt", "0 PINHOLE"), "dslr_calibration_jpg"),
        ("co3d", _damage("apple/frame_annotations.jgz", b"\x1f\x8bx"), "cannot read .*frame_annotations.jgz"),
        ("co3d", _damage("apple/frame_annotations.jgz", gzip.compress(b"[{}]")), "has no sequence_name"),
        ("re10k", _damage("test/0c4c5d5f751aabf5.txt", "http\n1 2 3\n"), "not a timestamp and 18 numbers"),
        (
            "cambridge",
            _damage("ShopFacade/dataset_test.txt", "ImageFile\na b\n"),
            "not 'photo X Y Z W P Q R'",
        ),
        ("spatialbench", _damage("sparse/tum/desk/poses/000001.npy", b"x"), "cannot read .*000001.npy"),
        ("spatialbench", _damage("sparse/tum/desk/meta.json", "[]"), "is no JSON object"),
        # What its own parser raises of such a header is no ValueError.
        (
            "spatialbench",
            _damage("sparse/tum/desk/poses/000001.npy", b"\x93NUMPY\x01\x00\x02\x00(\n"),
            "cannot read .*000001.npy",
        ),
        (
            "nerfstudio",
            _damage("transforms.json", f'{{"w": {"9" * 400}, "h": 1, "frames": [{NERF_FRAME}]}}'),
            "a frame cannot be used",
        ),
    ],
)
def test_damage_is_one_sentence(name: str, damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    config = LAYOUTS[name][0](tmp_path / "data")
    damage(tmp_path / "data")
    with pytest.raises(UserError, match=said):
        scene_views(config)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_of_something_else_is_one_sentence(name: str, tmp_path: Path) -> None:
    text(tmp_path / "readme.txt", ["nothing"])
    (tmp_path / "photos").mkdir()
    config = LAYOUTS[name][0](tmp_path / "data")
    config.root = str(tmp_path / "photos")
    with pytest.raises(UserError, match=f"holds no scene of data={name}"):
        scene_views(config)


def test_a_depth_map_of_another_size_is_one_sentence(tmp_path: Path) -> None:
    scene, _ = read("eth3d", tmp_path)
    assert scene.depths is not None and scene.depths[0] is not None
    scene.depths[0].path.write_bytes(struct.pack("<f", 1.0))
    with pytest.raises(UserError, match="it holds 1 numbers, not 64x48"):
        read_depth(scene.depths[0])


def test_how_point_maps_are_aligned_is_part_of_the_address_of_predictions() -> None:
    """With two views nothing is aligned; with N it decides the result."""

    def address(iterations: int, data: DataConfig) -> str:
        model = Dust3rConfig(alignment=AlignmentConfig(iterations=iterations))
        return pose_address(Config(model=model, data=data), "weights")

    many, pairs = ScannetConfig(root="x"), PairsConfig(root="x")
    assert address(5, many) != address(9, many) and address(5, pairs) == address(9, pairs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vggt", "dust3r", "sfm"])
def test_models_run_on_the_views_of_data_sets(name: str, tmp_path: Path) -> None:
    """With the small networks. In photos of noise sfm finds nothing, and says so."""
    samples = []
    for place, data in enumerate(LAYOUTS):
        config = LAYOUTS[data][0](tmp_path / data)
        config.sampler, config.views = "sequence", 3
        samples.append(replace(load_views(config).samples[0], idx=place))
    kinds = {
        "dust3r": Dust3rConfig(image_size=64, alignment=AlignmentConfig(iterations=2)),
        "vggt": VggtConfig(),
        "sfm": SfmConfig(),
    }
    model = build_model(kinds[name])
    result = evaluate_pose(samples, model, MetricsConfig(bootstrap=0))
    for one in result.samples:
        if name == "sfm":
            assert one.prediction.status in ("ok", "failed") and one.reason
        else:
            assert one.prediction.status == "ok", one.reason
            assert one.prediction.cam_from_world is not None
            assert one.prediction.cam_from_world.shape == (3, 4, 4)
            assert one.error.rotation_deg is not None
