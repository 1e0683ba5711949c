"""Our adapters give the cameras that upstream's own functions give, called here directly."""

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.dust3r.network import load_network as load_dust3r_network
from hw4.models.dust3r.upstream import import_part
from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.upstream import import_upstream, quiet
from hw4.models.network.weights import WeightsSource
from hw4.models.vggt import tiny
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.network import load_network as load_vggt_network
from hw4.models.vggt.views import load_views as load_vggt_views
from hw4.pose.metrics import rotation_error_deg
from hw4.pretrain.batches import render_views
from tests.support.pointmap_networks import SceneNetwork, arc_cameras, dust3r_with, make_photos

pytestmark = pytest.mark.slow

WIDTH, PATCH = tiny.TINY_WIDTH, tiny.TINY_PATCH


def upstream_inference(paths: list[Path], network: torch.nn.Module, scene_graph: str) -> dict:
    """Upstream's demo up to the network's output."""
    with quiet():
        images = import_part("dust3r.utils.image").load_images(
            [str(path) for path in paths], size=WIDTH, verbose=False, patch_size=PATCH
        )
        pairs = import_part("dust3r.image_pairs").make_pairs(
            images, scene_graph=scene_graph, prefilter=None, symmetrize=True
        )
        return import_part("dust3r.inference").inference(pairs, network, "cpu", batch_size=1, verbose=False)


def upstream_aligner(output: dict, mode: str) -> torch.nn.Module:
    cloud_opt = import_part("dust3r.cloud_opt")
    with quiet():
        return cloud_opt.global_aligner(
            output, device="cpu", mode=cloud_opt.GlobalAlignerMode[mode], verbose=False
        )


def assert_same_scene(reconstruction, scene) -> None:
    world_from_cam = scene.get_im_poses().detach().double().numpy()
    np.testing.assert_allclose(reconstruction.cam_from_world, np.linalg.inv(world_from_cam)[:, :3], atol=1e-5)
    np.testing.assert_allclose(reconstruction.Ks, scene.get_intrinsics().detach().numpy(), rtol=1e-5)
    for ours, theirs in zip(reconstruction.pts3d, scene.get_pts3d(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-4)
    for ours, theirs in zip(reconstruction.depth, scene.get_depthmaps(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-4)
    for ours, theirs in zip(reconstruction.conf, scene.im_conf, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-5)


def relative_rotations(cameras: np.ndarray) -> np.ndarray:
    return cameras[1:, :3, :3] @ cameras[0, :3, :3].T


@pytest.mark.parametrize("sizes", [((100, 75),), ((100, 75), (75, 100)), ((64, 48), (90, 50))])
@pytest.mark.parametrize("seed", [0, 3])
def test_two_views_as_upstreams_pair_viewer(tmp_path, seed, sizes):
    paths = make_photos(tmp_path, 2, sizes)
    cameras = arc_cameras(2)
    config = Dust3rConfig(weights="random", device="cpu", seed=seed)
    network = SceneNetwork(load_dust3r_network(config).network, cameras)
    scene = upstream_aligner(upstream_inference(paths, network, "complete"), "PairViewer")

    reconstruction = dust3r_with(lambda n: SceneNetwork(n, cameras), config).reconstruct(paths)

    assert_same_scene(reconstruction, scene)
    assert reconstruction.diagnoses == [None, None]
    # Upstream itself took a camera from PnP, and the right one.
    ours, true = relative_rotations(reconstruction.cam_from_world)[0], relative_rotations(cameras)[0]
    assert rotation_error_deg(np.eye(3), true) > 15
    assert rotation_error_deg(ours, true) < 3


def test_two_views_with_either_view_as_the_world(tmp_path):
    """Which view is the world follows from the confidences, as upstream has it."""
    cameras = arc_cameras(2)

    class Surer(SceneNetwork):
        def __init__(self, network, sure):
            super().__init__(network, cameras)
            self.sure = sure

        def forward(self, view1, view2):
            first, second = super().forward(view1, view2)
            if int(view1["idx"][0]) == self.sure:
                first["conf"], second["conf"] = first["conf"] + 5, second["conf"] + 5
            return first, second

    paths = make_photos(tmp_path, 2)
    network = load_dust3r_network(Dust3rConfig(weights="random")).network
    for sure in (0, 1):
        output = upstream_inference(paths, Surer(network, sure), "complete")
        scene = upstream_aligner(output, "PairViewer")
        reconstruction = dust3r_with(functools.partial(Surer, sure=sure)).reconstruct(paths)
        assert_same_scene(reconstruction, scene)
        np.testing.assert_allclose(reconstruction.cam_from_world[sure], np.eye(3, 4), atol=1e-6)
        assert reconstruction.notes["reference_view"] == sure


@pytest.mark.parametrize(
    ("scene_graph", "schedule", "sizes"),
    [
        ("complete", "linear", ((100, 75),)),
        ("complete", "cosine", ((100, 75), (75, 100))),
        ("swin-1", "linear", ((100, 75),)),
        ("oneref-2", "cosine", ((100, 75),)),
    ],
)
def test_four_views_as_upstreams_global_alignment(tmp_path, scene_graph, schedule, sizes):
    paths = make_photos(tmp_path, 4, sizes)
    cameras = arc_cameras(4)
    options = AlignmentConfig(
        scene_graph=scene_graph, backend="upstream", schedule=schedule, iterations=12, lr=0.02
    )
    config = Dust3rConfig(weights="random", device="cpu", seed=1, alignment=options)
    network = SceneNetwork(load_dust3r_network(config).network, cameras)
    output = upstream_inference(paths, network, scene_graph)
    torch.manual_seed(5)
    scene = upstream_aligner(output, "PointCloudOptimizer")
    with quiet():
        scene.compute_global_alignment(init="mst", niter=12, schedule=schedule, lr=0.02)

    model = dust3r_with(lambda n: SceneNetwork(n, cameras), config)
    reconstruction = model.reconstruct(paths, seed=5)

    assert_same_scene(reconstruction, scene)
    assert reconstruction.diagnoses == [None] * 4
    assert reconstruction.notes["alignment_loss"] == pytest.approx(float(scene()), rel=1e-5)
    for ours, true in zip(
        relative_rotations(reconstruction.cam_from_world), relative_rotations(cameras), strict=True
    ):
        assert rotation_error_deg(ours, true) < 5


def test_the_default_four_views_end_where_upstreams_do(tmp_path):
    """The shipped network with the fast network and the fast alignment, all defaults, on rendered photos."""
    photos, _, cameras = render_views(6, 4, np.random.default_rng(6))
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, photo in zip(paths, photos, strict=True):
        Image.fromarray(photo).save(path)
    config = Dust3rConfig(device="cpu")
    model = Dust3rModel(load_dust3r_network(config), config)
    assert dust3r_fast.supported(model.network) and config.alignment.backend == "fast"
    scene = upstream_aligner(upstream_inference(paths, model.network, "complete"), "PointCloudOptimizer")
    torch.manual_seed(5)
    options = {"niter": 300, "schedule": "linear", "lr": 0.01}
    with quiet():
        scene.compute_global_alignment(init="mst", **options)

    reconstruction = model.reconstruct(paths, seed=5)

    # 300 steps of Adam: rounding grows, to thousandths of a degree and parts in ten thousand.
    theirs = np.linalg.inv(scene.get_im_poses().detach().double().numpy())[:, :3]
    for ours, other in zip(reconstruction.cam_from_world, theirs, strict=True):
        assert rotation_error_deg(ours[:, :3], other[:, :3]) < 0.05
    np.testing.assert_allclose(reconstruction.cam_from_world[..., 3], theirs[..., 3], atol=0.01)
    np.testing.assert_allclose(reconstruction.Ks, scene.get_intrinsics().detach().numpy(), rtol=5e-3)
    for ours, other in zip(reconstruction.depth, scene.get_depthmaps(), strict=True):
        np.testing.assert_allclose(ours, other.detach().numpy(), rtol=5e-3)
    assert reconstruction.notes["alignment_loss"] == pytest.approx(float(scene()), rel=1e-3)
    # Neither stayed at its start: the cameras are those of the scene, and far from each other.
    turns = [relative_rotations(c) for c in (reconstruction.cam_from_world, cameras)]
    assert all(rotation_error_deg(ours, true) < 6 for ours, true in zip(*turns, strict=True))
    assert max(rotation_error_deg(np.eye(3), true) for true in turns[1]) > 20


def test_batches_do_not_change_the_cameras(tmp_path):
    paths = make_photos(tmp_path, 3)
    cameras = arc_cameras(3)
    by_one, by_four = (
        dust3r_with(
            lambda n: SceneNetwork(n, cameras),
            Dust3rConfig(
                weights="random",
                device="cpu",
                batch_size=size,
                alignment=AlignmentConfig(iterations=5, backend="upstream"),
            ),
        ).reconstruct(paths)
        for size in (1, 4)
    )
    np.testing.assert_allclose(by_one.cam_from_world, by_four.cam_from_world, atol=1e-4)


@pytest.mark.parametrize("backend", ["fast", "upstream"])
def test_the_same_seed_gives_the_same_reconstruction(tmp_path, backend):
    paths = make_photos(tmp_path, 3)
    options = AlignmentConfig(iterations=5, backend=backend)
    config = Dust3rConfig(weights="random", device="cpu", alignment=options)
    model = Dust3rModel(load_dust3r_network(config), config)
    state = torch.random.get_rng_state()
    first = model.reconstruct(paths, seed=7)
    torch.rand(3)
    np.random.default_rng(0).random()
    second = model.reconstruct(paths, seed=7)
    again = Dust3rModel(load_dust3r_network(config), config).reconstruct(paths, seed=7)
    for other in (second, again):
        np.testing.assert_array_equal(first.cam_from_world, other.cam_from_world)
        np.testing.assert_array_equal(first.pts3d, other.pts3d)
    torch.random.set_rng_state(state)
    expected = torch.rand(1)
    torch.random.set_rng_state(state)
    model.reconstruct(paths, seed=7)
    assert torch.equal(torch.rand(1), expected), "a reconstruction leaves torch's generator as it was"


def small_vggt(patch_size: int, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    monkeypatch.setattr(tiny, "TINY_PATCH", patch_size)
    torch.manual_seed(11)
    network = tiny.build_tiny().eval()
    # A random camera head says 0 for the field of view (a ReLU) of some view: about 2 radians instead.
    with torch.no_grad():
        network.camera_head.pose_branch.fc2.bias[7:9] = 0.5
    return network


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("source", ["depth", "point_head"])
def test_vggt_as_upstreams_own_functions(tmp_path, monkeypatch, n, source):
    """Upstream's loader, network and decoding, at upstream's 518 pixels (flat photos, to be quick)."""
    paths = make_photos(tmp_path, n, ((300, 41),))
    network = small_vggt(14, monkeypatch)
    with quiet(), torch.no_grad():
        images = import_upstream("vggt.utils.load_fn", INSTANTSPLAT).load_and_preprocess_images(
            [str(p) for p in paths]
        )
        predictions = network(images)
        extrinsics, intrinsics = import_upstream(
            "vggt.utils.pose_enc", INSTANTSPLAT
        ).pose_encoding_to_extri_intri(predictions["pose_enc"], images.shape[-2:])
        unprojected = import_upstream("vggt.utils.geometry", INSTANTSPLAT).unproject_depth_map_to_point_map(
            predictions["depth"][0], extrinsics[0], intrinsics[0]
        )

    config = VggtConfig(weights="random", device="cpu", pts3d_from=source)
    loaded = LoadedNetwork(network, 518, 14, WeightsSource(None, "random weights"))
    reconstruction = VggtModel(loaded, config).reconstruct(paths)

    assert images.shape == (n, 3, 70, 518)
    np.testing.assert_allclose(reconstruction.cam_from_world, extrinsics[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(reconstruction.Ks, intrinsics[0].numpy(), rtol=1e-5)
    np.testing.assert_allclose(reconstruction.depth, predictions["depth"][0, ..., 0].numpy(), rtol=1e-5)
    points, conf = (
        (unprojected, predictions["depth_conf"][0])
        if source == "depth"
        else (predictions["world_points"][0].numpy(), predictions["world_points_conf"][0])
    )
    np.testing.assert_allclose(reconstruction.pts3d, points, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(reconstruction.conf, conf.numpy(), rtol=1e-5)
    # The views' cameras differ: the comparison is of more than a constant.
    assert np.ptp(reconstruction.cam_from_world, axis=0).max() > 1e-3


def test_vggt_small_configuration_as_upstreams_network(tmp_path):
    paths = make_photos(tmp_path, 3, ((100, 75), (75, 100)))
    config = VggtConfig(weights="random", device="cpu", seed=2)
    network = load_vggt_network(config).network
    images = torch.stack([view.pixels for view in load_vggt_views(paths, WIDTH, "crop", PATCH)])
    with quiet(), torch.no_grad():
        predictions = network(images[None])
        extrinsics, _ = import_upstream("vggt.utils.pose_enc", INSTANTSPLAT).pose_encoding_to_extri_intri(
            predictions["pose_enc"], images.shape[-2:]
        )
    reconstruction = VggtModel(load_vggt_network(config), config).reconstruct(paths)
    np.testing.assert_allclose(reconstruction.cam_from_world, extrinsics[0].numpy(), atol=1e-6)
    rotations = reconstruction.cam_from_world[:, :, :3]
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.tile(np.eye(3), (3, 1, 1)), atol=1e-5)
    assert (Rotation.from_matrix(rotations).magnitude() > 0).all()


def test_upstream_runs_without_its_compiled_rope():
    rope = import_part("dust3r.model").CroCoNet.__init__.__globals__["RoPE2D"]
    assert rope.__module__.endswith("pos_embed") and issubclass(rope, torch.nn.Module)
