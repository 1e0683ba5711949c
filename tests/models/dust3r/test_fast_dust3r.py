"""The fast paths of DUSt3R against upstream's own functions, on the same weights and inputs."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from hw4.models.dust3r import aligner as alignment_fast
from hw4.models.dust3r import device_aligner
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r.alignment import align_views
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.dust3r.guard import InitGuard
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.dust3r.network import OFFICIAL as OFFICIAL_DUST3R
from hw4.models.dust3r.network import load_network as load_dust3r_network
from hw4.models.dust3r.predictions import PairPredictions
from hw4.models.dust3r.scene import build_scene
from hw4.models.dust3r.tiny import build_tiny as build_tiny_dust3r
from hw4.models.dust3r.upstream import import_alignment as import_dust3r_alignment
from hw4.models.dust3r.upstream import import_inference as import_dust3r_inference
from hw4.models.dust3r.upstream import import_model as import_dust3r_model
from hw4.models.dust3r.views import load_view as load_dust3r_view
from hw4.models.network.upstream import quiet
from hw4.pose.metrics import rotation_error_deg
from tests.support.pointmap_networks import (
    SceneNetwork,
    ShapedNetwork,
    arc_cameras,
    dust3r_with,
    line,
    make_photos,
    plane,
    point,
)

CPU = torch.device("cpu")
SMALL = {"enc_embed_dim": 64, "enc_depth": 2, "enc_num_heads": 2, "dec_embed_dim": 48, "dec_num_heads": 3}
LANDSCAPE, MIXED = ((100, 75),), ((100, 75), (75, 100), (90, 50))


def scene_output(
    folder: Path,
    n: int,
    sizes: tuple = LANDSCAPE,
    noise: float = 0.05,
    graph: str = "complete",
    seed: int = 1,
) -> PairPredictions:
    """Pointmaps of n views of a scene of known cameras."""
    config = Dust3rConfig(weights="random", device="cpu", seed=1)
    model = dust3r_with(lambda network: SceneNetwork(network, arc_cameras(n), noise), config)
    paths = make_photos(folder, n, sizes)
    views = [load_dust3r_view(path, model.image_size, model.patch_size) for path in paths]
    return model.predict_pairs(views, graph)


def initialised(predictions: PairPredictions) -> Any:
    """Upstream's optimiser after its spanning tree, the same for every call."""
    output = predictions.output()
    modules = import_dust3r_alignment()
    cv2.setRNGSeed(0)
    torch.manual_seed(0)
    with quiet():
        parts = [copy.copy(output[key]) for key in ("view1", "view2", "pred1", "pred2")]
        scene = modules.optimizer.PointCloudOptimizer(*parts, verbose=False)
        with InitGuard(modules.init_im_poses).active():
            modules.init_im_poses.init_minimum_spanning_tree(scene)
    return scene


def upstream_loop(scene: Any, iterations: int, lr: float, schedule: str) -> None:
    import_dust3r_alignment().base_opt.global_alignment_loop(
        scene, lr=lr, niter=iterations, schedule=schedule
    )


def perturbed(scene: Any, amount: float) -> Any:
    """Away from the minimum, so that no gradient is small."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in (scene.pw_poses, scene.im_poses, scene.im_focals, scene.im_depthmaps):
            parameter += amount * torch.randn(parameter.shape, generator=generator)
    return scene


@pytest.mark.parametrize("sizes", [LANDSCAPE, MIXED])
def test_objective_and_gradients_are_upstreams(tmp_path, sizes):
    output = scene_output(tmp_path, 4, sizes)
    scene = perturbed(initialised(output), 0.1)
    theirs = scene()
    theirs.backward()
    objective, pairs, views = alignment_fast.FastAligner(scene, output).objective_and_gradients()
    assert objective == pytest.approx(float(theirs.detach()), rel=1e-5)
    expected = torch.cat([scene.im_poses.grad, scene.im_focals.grad], dim=1).numpy()
    for ours, reference in ((pairs, scene.pw_poses.grad.numpy()), (views, expected)):
        np.testing.assert_allclose(ours, reference, atol=2e-5 * np.abs(reference).max(), rtol=1e-3)
        assert (np.abs(reference).max(axis=0) > 0).all()


@pytest.mark.parametrize(
    ("graph", "schedule", "sizes"),
    [("complete", "linear", LANDSCAPE), ("swin-1", "cosine", MIXED), ("oneref-1", "linear", LANDSCAPE)],
)
def test_few_steps_are_upstreams_steps(tmp_path, graph, schedule, sizes):
    output = scene_output(tmp_path, 4, sizes, graph=graph)
    ours, theirs = perturbed(initialised(output), 0.02), perturbed(initialised(output), 0.02)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    alignment_fast.optimise(ours, output, 8, 0.02, schedule)
    upstream_loop(theirs, 8, 0.02, schedule)
    for name in ("pw_poses", "im_poses", "im_focals", "im_depthmaps"):
        reference = getattr(theirs, name).detach()
        # Where the gradient is all rounding, Adam's steps have any sign: a few of the depths.
        close = torch.isclose(getattr(ours, name).detach(), reference, atol=2e-4)
        assert close.float().mean() > 0.999, name
        assert (reference - before[name]).abs().max() > 0.05, "upstream moved"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "noise", "sizes", "schedule"),
    [(3, 0.0, LANDSCAPE, "linear"), (4, 0.05, LANDSCAPE, "cosine"), (4, 0.2, MIXED, "linear")],
)
def test_objective_is_no_worse_than_upstreams(tmp_path, n, noise, sizes, schedule):
    output = scene_output(tmp_path, n, sizes, noise)
    # Without noise the tree ends in the minimum, around which both would only tremble.
    ours, theirs = (perturbed(initialised(output), 0.1) for _ in range(2))
    start = float(theirs().detach())
    alignment_fast.optimise(ours, output, 80, 0.01, schedule)
    upstream_loop(theirs, 80, 0.01, schedule)
    ours_end, theirs_end = float(ours().detach()), float(theirs().detach())
    assert ours_end <= theirs_end * (1 + 1e-4)
    assert ours_end < start / 4
    true = arc_cameras(n)
    errors = []
    for scene in (ours, theirs):
        cameras = np.linalg.inv(scene.get_im_poses().detach().double().numpy())[:, :3, :3]
        relative = cameras[1:] @ cameras[0].T
        errors.append(
            np.max([rotation_error_deg(r, t[:3, :3]) for r, t in zip(relative, true[1:], strict=True)])
        )
    assert errors[0] <= errors[1] + 0.1


def test_threads_take_the_same_steps(tmp_path, monkeypatch):
    output = scene_output(tmp_path, 3)
    alone, threaded = (initialised(output) for _ in range(2))
    alignment_fast.optimise(alone, output, 20, 0.01, "linear")
    monkeypatch.setattr(alignment_fast, "POINTS_PER_THREAD", 1000)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        alignment_fast.optimise(threaded, output, 20, 0.01, "linear")
    finally:
        torch.set_num_threads(threads)
    for name in ("pw_poses", "im_poses", "im_depthmaps"):
        assert torch.equal(getattr(alone, name), getattr(threaded, name))


@pytest.mark.parametrize("sizes", [LANDSCAPE, MIXED])
def test_on_other_devices_the_objective_is_upstreams_some_pairs_at_a_time(tmp_path, monkeypatch, sizes):
    output = scene_output(tmp_path, 4, sizes)
    ours, theirs = (perturbed(initialised(output), 0.1) for _ in range(2))
    expected = theirs()
    expected.backward()
    # Several pairs at a time, and in the end fewer.
    monkeypatch.setattr(device_aligner, "POINTS_AT_ONCE", 5 * 64 * 48)
    objective = device_aligner.DeviceObjective(ours, output)
    assert objective.value() == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(objective.with_gradient(), expected.detach(), rtol=1e-5, atol=0)
    for name in ("pw_poses", "im_poses", "im_focals", "im_depthmaps"):
        reference = getattr(theirs, name).grad
        limit = 2e-5 * float(reference.abs().max())
        torch.testing.assert_close(getattr(ours, name).grad, reference, rtol=1e-3, atol=limit)


def test_other_devices_take_the_cpus_steps(tmp_path):
    output = scene_output(tmp_path, 3)
    here, elsewhere = (initialised(output) for _ in range(2))
    objectives = alignment_fast.optimise(here, output, 20, 0.01, "linear")
    assert device_aligner.DeviceObjective(elsewhere, output).run(20, 0.01, "linear") == pytest.approx(
        objectives, rel=1e-4
    )
    torch.testing.assert_close(elsewhere.get_im_poses(), here.get_im_poses(), atol=2e-3, rtol=0)


@pytest.mark.parametrize("sizes", [LANDSCAPE, MIXED])
def test_without_copies_the_start_is_upstreams(tmp_path, sizes):
    output = scene_output(tmp_path, 4, sizes)
    modules, config = import_dust3r_alignment(), AlignmentConfig()
    scenes = []
    for backend in ("fast", "upstream"):
        cv2.setRNGSeed(0)
        torch.manual_seed(0)
        with quiet(), InitGuard(modules.init_im_poses).active():
            scene = build_scene(output, modules, replace(config, backend=backend))
            modules.init_im_poses.init_minimum_spanning_tree(scene)
        scenes.append(scene)
    ours, theirs = scenes
    for name in ("pw_poses", "im_poses", "im_focals", "im_depthmaps"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
    assert all(map(torch.equal, ours.im_conf, theirs.im_conf))
    assert sum(b.numel() for b in theirs.buffers()) > 4 * output.values.shape[1]
    assert sum(b.numel() for b in ours.buffers()) < output.values.shape[1]


def test_half_precision_moves_cameras_by_little(tmp_path):
    output = scene_output(tmp_path, 4, noise=0.0)
    half = PairPredictions(output.shapes, output.edges, np.float16)
    half.values[:] = output.values
    half.bad[:] = output.bad
    config = AlignmentConfig(iterations=60)
    cameras = [align_views(kept, config, 0, CPU).cam_from_world for kept in (output, half)]
    relative = [np.array([c[:, :3] @ one[0, :3, :3].T for c in one]) for one in cameras]
    errors = [rotation_error_deg(a, b) for a, b in zip(*relative, strict=True)]
    # The start is RANSAC's: with another torch, rounding makes it 0.34.
    assert 0 < max(errors) < 0.5
    scene = perturbed(initialised(output), 0.1)
    expected, _, _ = alignment_fast.FastAligner(scene, output).objective_and_gradients()
    objective, _, _ = alignment_fast.FastAligner(scene, half).objective_and_gradients()
    assert objective != expected and objective == pytest.approx(expected, rel=1e-4)


def bad_share(points: torch.Tensor) -> torch.Tensor:
    points = points.clone()
    points[:, :20] = torch.nan
    return points


@pytest.mark.slow
@pytest.mark.parametrize("shape", [plane, line, point, bad_share])
def test_degenerate_scenes_end_alike_with_both_backends(tmp_path, shape):
    paths = make_photos(tmp_path, 3)
    results = {}
    for backend in ("fast", "upstream"):
        config = Dust3rConfig(
            weights="random", device="cpu", alignment=AlignmentConfig(backend=backend, iterations=10)
        )
        results[backend] = dust3r_with(lambda n: ShapedNetwork(n, shape), config).reconstruct(paths)
    ours, theirs = results["fast"], results["upstream"]
    assert ours.diagnoses == theirs.diagnoses
    assert any(ours.diagnoses)
    assert [ours.is_valid(v) for v in range(3)] == [theirs.is_valid(v) for v in range(3)]
    assert (ours.notes["alignment_backend"], theirs.notes["alignment_backend"]) == ("fast", "upstream")


def test_divergence_is_noticed_and_the_start_kept(tmp_path):
    output = scene_output(tmp_path, 3)
    config = AlignmentConfig(iterations=5, lr=1e4)
    result = align_views(output, config, 0, CPU)
    start = align_views(output, AlignmentConfig(iterations=0), 0, CPU)
    assert all("diverged" in str(entry) for entry in result.diagnoses)
    assert result.notes["alignment_loss"] is None
    np.testing.assert_allclose(result.cam_from_world, start.cam_from_world, atol=1e-6)


def upstream_inference(network: torch.nn.Module, images: list[torch.Tensor], pairs: list) -> dict[str, Any]:
    views = [
        {
            "img": image[None],
            "true_shape": np.array([image.shape[1:]], np.int32),
            "idx": index,
            "instance": str(index),
        }
        for index, image in enumerate(images)
    ]
    with quiet():
        return import_dust3r_inference().inference(
            [(views[a], views[b]) for a, b in pairs], network, "cpu", batch_size=1, verbose=False
        )


def assert_same_output(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for part in ("pred1", "pred2", "view1", "view2"):
        assert ours[part].keys() == theirs[part].keys() - {"img"}
        for key, reference in theirs[part].items():
            if key == "img":
                continue
            assert type(ours[part][key]) is type(reference), (part, key)
            assert len(ours[part][key]) == len(reference)
            for a, b in zip(ours[part][key], reference, strict=True):
                if isinstance(b, torch.Tensor):
                    assert a.dtype == b.dtype
                    torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-5 * float(b.abs().max()))
                else:
                    assert a == b


def dpt_network() -> torch.nn.Module:
    """The official design, small: DPT heads, encoder and decoder of different widths."""
    torch.manual_seed(4)
    with quiet():
        cls = import_dust3r_model().AsymmetricCroCo3DStereo
        return cls(**(OFFICIAL_DUST3R | SMALL), landscape_only=False).eval()


def tiny_network() -> torch.nn.Module:
    torch.manual_seed(4)
    return build_tiny_dust3r().eval()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "shapes"),
    [
        (tiny_network, [(48, 64)]),
        (tiny_network, [(48, 64), (64, 48), (32, 64)]),
        (dpt_network, [(16, 32)]),
        (dpt_network, [(32, 16), (16, 32)]),
    ],
)
def test_network_output_is_upstreams(monkeypatch, network, shapes):
    model = network()
    # Biases and norms of a fresh network are 0 and 1: what is left out would not show.
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    images = [2 * torch.rand(3, *shapes[v % len(shapes)], generator=generator) - 1 for v in range(4)]
    pairs = [(0, 1), (1, 0), (3, 0), (2, 3), (1, 3), (2, 0)]
    # Several chunks, the last one not full.
    monkeypatch.setitem(dust3r_fast.TOKENS_PER_CHUNK, "cpu", 120 if network is tiny_network else 4)
    monkeypatch.setitem(dust3r_fast.PIXELS_PER_CHUNK, "cpu", shapes[0][0] * shapes[0][1])
    assert dust3r_fast.supported(model)
    theirs = upstream_inference(model, images, pairs)
    assert_same_output(dust3r_fast.infer(model, images, pairs), theirs)
    # The pairs' outputs differ: the comparison is of more than a constant.
    first, third = theirs["pred1"]["conf"][0], theirs["pred1"]["conf"][1]
    assert first.shape != third.shape or (first - third).abs().max() > 1e-3


def test_each_view_is_encoded_once(monkeypatch):
    model = tiny_network()
    seen = []
    model.patch_embed.proj.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    images = [torch.rand(3, 48, 64) for _ in range(5)]
    dust3r_fast.infer(model, images, [(a, b) for a in range(5) for b in range(5) if a != b])
    assert sum(seen) == 5


def test_only_upstreams_own_network_goes_the_fast_way():
    model = tiny_network()
    assert not dust3r_fast.supported(SceneNetwork(model, arc_cameras(3)))
    model.train()
    assert not dust3r_fast.supported(model)
    with quiet():
        other = import_dust3r_model().AsymmetricCroCo3DStereo(
            **(
                OFFICIAL_DUST3R
                | {"enc_depth": 1, "enc_embed_dim": 64, "dec_embed_dim": 64, "dec_num_heads": 2}
            ),
            landscape_only=True,
        )
    assert not dust3r_fast.supported(other.eval())


def test_reconstruction_of_several_photos_as_with_upstreams_network_pass(tmp_path, monkeypatch):
    paths = make_photos(tmp_path, 3, MIXED)
    config = Dust3rConfig(weights="random", device="cpu", alignment=AlignmentConfig(iterations=3))
    model = Dust3rModel(load_dust3r_network(config), config)
    views = [load_dust3r_view(path, model.image_size, model.patch_size) for path in paths]
    fast = model.predict_pairs(views, "complete")
    monkeypatch.setattr(dust3r_fast, "supported", lambda _: False)
    assert_same_output(fast.output(), model.predict_pairs(views, "complete").output())
    assert model.reconstruct(paths).n_views == 3
