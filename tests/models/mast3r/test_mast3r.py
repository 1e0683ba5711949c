"""Our adapter gives what upstream's own functions give on the same weights and photos."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hw4.core.errors import UserError
from hw4.launch.sweep import plan
from hw4.models.base import ReconstructionFailed
from hw4.models.dust3r import pairs as fast
from hw4.models.dust3r.upstream import import_part as import_dust3r
from hw4.models.mast3r.config import Mast3rAlignmentConfig, Mast3rConfig, SparseConfig
from hw4.models.mast3r.model import Mast3rModel
from hw4.models.mast3r.network import FAMILY, OFFICIAL, load_network
from hw4.models.mast3r.tiny import build_tiny
from hw4.models.mast3r.upstream import import_model, import_sparse
from hw4.models.network.described import is_official, parse_constructor
from hw4.models.network.upstream import quiet
from tests.support.cli import refused
from tests.support.pointmap_networks import SceneNetwork, arc_cameras, make_photos

ODD = ((100, 75), (75, 100), (90, 50))
SPARSE = SparseConfig(niter1=5, niter2=5)


def upstream_pairs(paths: list[Path]) -> list[Any]:
    """Upstream's demo up to its pairs."""
    with quiet():
        images = import_dust3r("dust3r.utils.image").load_images(
            [str(path) for path in paths], size=64, verbose=False, patch_size=8
        )
        make_pairs = import_dust3r("dust3r.image_pairs").make_pairs
        return make_pairs(images, scene_graph="complete", prefilter=None, symmetrize=True)


def in_front(network: Any) -> Any:
    """The network with all points before the camera, as the sparse alignment takes them to be."""
    head = network._downstream_head

    def positive(*args: Any) -> Any:
        result = head(*args)
        z = result["pts3d"][..., 2:]
        result["pts3d"] = torch.cat([result["pts3d"][..., :2], z.abs() + 1], dim=-1)
        return result

    network._downstream_head = positive
    return network


def model_with(network: Any, config: Mast3rConfig) -> Mast3rModel:
    loaded = load_network(config)
    loaded.network = network
    return Mast3rModel(loaded, config)


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 5])
def test_dense_alignment_as_upstreams(tmp_path: Path, n: int) -> None:
    paths, cameras = make_photos(tmp_path, n, ODD), arc_cameras(n)
    alignment = Mast3rAlignmentConfig(backend="upstream", iterations=4)
    config = Mast3rConfig(weights="random", device="cpu", seed=2, alignment=alignment)
    network = SceneNetwork(load_network(config).network, cameras)
    cloud_opt = import_dust3r("dust3r.cloud_opt")
    with quiet():
        inference = import_dust3r("dust3r.inference").inference
        output = inference(upstream_pairs(paths), network, "cpu", batch_size=1, verbose=False)
        torch.manual_seed(5)
        mode = cloud_opt.GlobalAlignerMode["PairViewer" if n == 2 else "PointCloudOptimizer"]
        scene = cloud_opt.global_aligner(output, device="cpu", mode=mode, verbose=False)
        if n > 2:
            scene.compute_global_alignment(init="mst", niter=4, schedule="linear", lr=0.01)

    ours = model_with(network, config).reconstruct(paths, seed=5)

    world_from_cam = scene.get_im_poses().detach().double().numpy()
    np.testing.assert_allclose(ours.cam_from_world, np.linalg.inv(world_from_cam)[:, :3], atol=1e-5)
    np.testing.assert_allclose(ours.Ks, scene.get_intrinsics().detach().numpy(), rtol=1e-5)
    for mine, theirs in zip(ours.pts3d, scene.get_pts3d(), strict=True):
        np.testing.assert_allclose(mine, theirs.detach().numpy(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "threshold"), [(3, 1e9), (5, 0.0)])
def test_sparse_alignment_as_upstreams(tmp_path: Path, n: int, threshold: float) -> None:
    """By its point maps alone (no match is sure enough), and by all matches."""
    paths = make_photos(tmp_path, n, ODD)
    sparse = SparseConfig(niter1=5, niter2=5, matching_conf_thr=threshold)
    alignment = Mast3rAlignmentConfig(backend="sparse")
    config = Mast3rConfig(weights="random", device="cpu", seed=2, alignment=alignment, sparse=sparse)
    network = in_front(load_network(config).network)
    with quiet():
        scene = import_sparse().sparse_global_alignment(
            [str(path) for path in paths],
            upstream_pairs(paths),
            str(tmp_path / "cache"),
            network,
            device="cpu",
            niter1=5,
            niter2=5,
            matching_conf_thr=threshold,
        )
        pts3d, depth, conf = scene.get_dense_pts3d(clean_depth=False)

    ours = model_with(network, config).reconstruct(paths)

    world_from_cam = scene.get_im_poses().double().numpy()
    np.testing.assert_allclose(ours.cam_from_world, np.linalg.inv(world_from_cam)[:, :3], atol=1e-5)
    np.testing.assert_allclose(ours.Ks, scene.intrinsics.numpy(), rtol=1e-5)
    for view, image in enumerate(ours.images):
        size = image.shape[:2]
        np.testing.assert_allclose(ours.pts3d[view], pts3d[view].reshape(*size, 3), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(ours.depth[view], depth[view].reshape(size), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(ours.conf[view], conf[view].numpy(), rtol=1e-5)
    assert ours.notes["alignment_backend"] == "sparse" and ours.notes["pairs"] == n * (n - 1)
    # The optimisation did something: it is no comparison of two starts.
    assert np.ptp(ours.cam_from_world[:, :, 3]) > 1e-3


def test_what_sparse_alignment_cannot_solve_is_a_failed_sample(tmp_path: Path) -> None:
    alignment = Mast3rAlignmentConfig(backend="sparse")
    config = Mast3rConfig(weights="random", device="cpu", alignment=alignment, sparse=SPARSE)
    network = load_network(config).network
    head = network._downstream_head
    network._downstream_head = lambda *a: {k: v * torch.nan for k, v in head(*a).items()}
    with pytest.raises(ReconstructionFailed, match="the sparse alignment cannot be solved"):
        model_with(network, config).reconstruct(make_photos(tmp_path, 3))


@pytest.mark.slow
def test_the_official_heads_go_the_fast_way_to_the_same_points() -> None:
    torch.manual_seed(3)
    sizes = {"enc_embed_dim": 64, "enc_depth": 1, "enc_num_heads": 2}
    sizes |= {"dec_embed_dim": 48, "dec_depth": 10, "dec_num_heads": 3}
    with quiet():
        network = import_model().AsymmetricMASt3R(**(OFFICIAL | sizes), landscape_only=False).eval()
    config = Mast3rConfig(weights="random", device="cpu")
    model = model_with(network, config)
    assert model._is_known()
    images = [2 * torch.rand(3, *size) - 1 for size in ((16, 32), (32, 16), (16, 32))]
    pairs = [(0, 1), (1, 2), (2, 0)]
    ours = fast.infer(network, images, pairs)
    for entry, (first, second) in enumerate(pairs):
        views = [
            {
                "img": images[view][None],
                "true_shape": torch.tensor([images[view].shape[1:]]),
                "instance": [str(view)],
            }
            for view in (first, second)
        ]
        with quiet(), torch.inference_mode():
            theirs = network(*views)
        for side, points in ((0, "pts3d"), (1, "pts3d_in_other_view")):
            for name in (points, "conf"):
                expected = theirs[side][name][0]
                got = ours[f"pred{side + 1}"][name][entry]
                torch.testing.assert_close(got, expected, rtol=1e-3, atol=2e-5 * float(expected.abs().max()))
    assert set(ours["pred1"]) == {"pts3d", "conf"}


def test_random_weights_fall_back_to_upstreams_pass(tmp_path: Path) -> None:
    config = Mast3rConfig(weights="random", device="cpu")
    model = Mast3rModel.from_config(config)
    assert not model._is_known()
    output = model.predict_pairs(model.load_views(make_photos(tmp_path, 2)), "complete")
    # Descriptors of every pair are not carried along.
    assert set(output.output()["pred1"]) == {"pts3d", "conf"}


def test_an_official_style_file_loads(tmp_path: Path) -> None:
    call = (
        "AsymmetricMASt3R(pos_embed='RoPE100', patch_embed_cls='ManyAR_PatchEmbed', img_size=(48, 64), "
        "patch_size=8, head_type='catconv', output_mode='pts3d+desc24', depth_mode=('exp', -inf, inf), "
        "conf_mode=('exp', 1, inf), enc_embed_dim=128, enc_depth=4, enc_num_heads=4, dec_embed_dim=128, "
        "dec_depth=4, dec_num_heads=4, two_confs=True, desc_conf_mode=('exp', 0, inf))"
    )
    torch.manual_seed(4)
    network = build_tiny()
    torch.save({"args": argparse.Namespace(model=call), "model": network.state_dict()}, tmp_path / "m.pth")
    loaded = load_network(Mast3rConfig(weights=str(tmp_path / "m.pth")))
    assert (loaded.image_size, loaded.patch_size) == (64, 8)
    got = loaded.network.state_dict()
    assert all(torch.equal(got[name], value) for name, value in network.state_dict().items())
    with pytest.raises(UserError, match="not a plain AsymmetricMASt3R"):
        parse_constructor(call.replace("MASt3R", "CroCo3DStereo"), tmp_path, FAMILY)


def test_a_copy_of_the_published_weights_has_their_licence() -> None:
    with torch.device("meta"):
        weights = {
            "patch_embed.proj.weight": torch.empty(1024, 3, 16, 16),
            "enc_blocks.23.norm1.weight": torch.empty(1024),
        }
    assert is_official(weights, FAMILY) and "CC BY-NC-SA" in FAMILY.known.license


def test_there_is_no_small_trained_network() -> None:
    with pytest.raises(UserError, match="model=mast3r has no small trained network"):
        load_network(Mast3rConfig(weights="tiny"))


def test_keys_of_an_alignment_that_does_not_run_are_no_sweep() -> None:
    common = ("task=pose", "model=mast3r", "model.weights=random", "input=interpolated")
    dense = refused(*common, "model.alignment.backend=sparse", "model.alignment.lr=1,2", multirun=True)
    assert "model.alignment.lr" in dense
    assert "model.sparse.lr1" in refused(*common, "model.sparse.lr1=1,2", multirun=True)
    sparse = [*common, "model.alignment.backend=sparse", "model.sparse.lr1=0.1,0.2"]
    assert len(plan(sparse, multirun=True).jobs) == 2
    assert "must be 1, 2, 4, 8 or 16" in refused(*common, "model.sparse.subsample=3")
