"""The CPU rasterizer against plain PyTorch autograd, finite differences and gsplat's own torch code."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy.spatial.transform import Rotation
from torch import Tensor

from hw4.core.errors import UserError
from hw4.splat.rasterize import rasterize, resolve_rasterizer
from hw4.splat.rasterize.blending import MIN_ALPHA, exp_constants, neg_exp
from hw4.splat.rasterize.lanes import LANES, load, store
from hw4.splat.rasterize.threads import spread
from tests.support.rasterizer_scenes import LEAVES, SIZE, arguments, leaves, loss_of, one_gaussian
from tests.support.reference_rasterizer import random_scene, rasterize_reference, reference_gradients


def check_against_reference(scene: dict[str, Tensor], rtol: float = 1e-9, **options) -> Tensor:
    """Forward within `rtol` of the image's range, every gradient within `rtol` of its own norm."""
    ours, theirs = leaves(scene), leaves(scene)
    colors, alphas, _ = rasterize(*arguments(**ours, **options), rasterizer="cpu")
    expected_colors, expected_alphas = rasterize_reference(*arguments(**theirs, **options))
    scale = max(1.0, expected_colors.abs().max().item())
    torch.testing.assert_close(colors, expected_colors, rtol=0, atol=rtol * scale)
    torch.testing.assert_close(alphas, expected_alphas, rtol=0, atol=rtol)
    loss_of(colors, alphas).backward()
    loss_of(expected_colors, expected_alphas).backward()
    for name in LEAVES:
        expected = theirs[name].grad
        if expected is None:
            expected = torch.zeros_like(theirs[name])
        got = ours[name].grad if ours[name].grad is not None else torch.zeros_like(expected)
        error = (got - expected).norm() / expected.norm().clamp(min=1e-12)
        assert error < rtol or (got - expected).norm() < 1e-9, f"{name}: {error:.2e}"
    return colors


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("render_mode", ["RGB", "D", "ED", "RGB+D", "RGB+ED"])
def test_matches_autograd_in_every_mode(mode: str, render_mode: str):
    background = torch.tensor([[0.2, 0.5, 0.9], [1.0, 0.0, 0.3]], dtype=torch.float64)
    scene = random_scene(150, **SIZE, n_cameras=2, seed=1, dtype=torch.float64)
    colors = check_against_reference(
        scene, sh_degree=2, rasterize_mode=mode, render_mode=render_mode, backgrounds=background, **SIZE
    )
    assert colors.abs().max() > 0.1


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_matches_autograd_at_every_sh_degree(degree: int):
    check_against_reference(
        random_scene(120, **SIZE, seed=degree, dtype=torch.float64), sh_degree=degree, **SIZE
    )


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("per_camera", [False, True])
def test_matches_autograd_with_plain_colors(channels: int, per_camera: bool):
    scene = random_scene(100, **SIZE, n_cameras=2, seed=3, dtype=torch.float64)
    shape = (2, 100, channels) if per_camera else (100, channels)
    scene["colors"] = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    check_against_reference(scene, **SIZE)


def test_float32_stays_close_to_float64():
    check = random_scene(400, **SIZE, seed=5, dtype=torch.float64)
    exact, single = leaves(check), leaves({k: v.float() for k, v in check.items()})
    reference = rasterize_reference(*arguments(**exact, sh_degree=3, render_mode="RGB+ED", **SIZE))
    colors, alphas, _ = rasterize(*arguments(**single, sh_degree=3, render_mode="RGB+ED", **SIZE))
    torch.testing.assert_close(colors.double(), reference[0], rtol=0, atol=5e-4)
    loss_of(*reference).backward()
    loss_of(colors, alphas).backward()
    for name in LEAVES:
        expected = exact[name].grad
        assert (single[name].grad - expected).norm() < 2e-4 * expected.norm(), name


@pytest.mark.parametrize(
    "changes",
    [
        {"means": [1.15, 0.2, 2.0]},
        {"means": [-1.05, -0.9, 2.0]},
        {"scales": [3.0, 3.0, 0.5]},
        {"scales": [30.0, 30.0, 30.0]},
        {"scales": [1e-4, 1.0, 1e-5], "quats": [0.9, 0.1, 0.3, -0.4]},
        {"scales": [1e-6, 1e-6, 1e-6]},
        {"opacities": [1.0]},
        {"opacities": [1.01 / 255]},
        {"means": [0.4, -0.2, 0.011], "scales": [0.001, 0.002, 0.001]},
    ],
    ids=["edge", "corner", "larger", "huge", "thin", "tiny", "opaque", "faint", "near"],
)
def test_single_gaussians_match(changes: dict[str, list[float]]):
    check_against_reference(one_gaussian(**changes), sh_degree=3, rtol=1e-7, **SIZE)


@pytest.mark.parametrize(
    "changes",
    [
        {"means": [0.0, 0.0, -2.0]},
        {"opacities": [0.0]},
        {"means": [50.0, 0.0, 2.0]},
        {"means": [0.0, 0.0, 0.005]},
    ],
    ids=["behind", "zero opacity", "outside", "before the near plane"],
)
def test_invisible_gaussians_draw_nothing_and_get_zero_gradients(changes: dict[str, list[float]]):
    scene = leaves(one_gaussian(**changes))
    colors, alphas, info = rasterize(*arguments(**scene, sh_degree=3, **SIZE))
    assert not colors.any() and not alphas.any() and not info["radii"].any()
    loss_of(colors, alphas).backward()
    assert all(not scene[name].grad.any() for name in LEAVES)


def test_no_gaussian_at_all_gives_the_background():
    scene = {k: v[:0] if k not in ("viewmats", "Ks") else v for k, v in one_gaussian().items()}
    ours = leaves(scene)
    background = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)
    colors, alphas, info = rasterize(*arguments(**ours, sh_degree=3, backgrounds=background, **SIZE))
    assert torch.equal(colors, background.expand(1, 45, 61, 3)) and not alphas.any()
    assert info["radii"].shape == (1, 0, 2)
    (colors.sum() + alphas.sum()).backward()


def test_deep_stacks_stop_where_transmittance_is_used_up():
    g = torch.Generator().manual_seed(2)
    scene = random_scene(600, **SIZE, seed=2, dtype=torch.float64)
    scene["means"][:, :2] *= 0.2
    scene["means"][:, 2] = 1 + torch.rand(600, generator=g, dtype=torch.float64)
    scene["opacities"] = 0.3 + 0.7 * torch.rand(600, generator=g, dtype=torch.float64)
    scene["scales"] = 0.05 + 0.1 * torch.rand(600, 3, generator=g, dtype=torch.float64)
    check_against_reference(scene, sh_degree=1, render_mode="RGB+D", rtol=1e-7, **SIZE)


@pytest.mark.slow
def test_gradients_match_finite_differences():
    size = {"width": 14, "height": 11}
    scene = random_scene(4, **size, n_cameras=2, seed=11, dtype=torch.float64)
    scene["colors"] = scene["colors"][:, :4]
    scene["means"][:, 2] = scene["means"][:, 2].abs() + 1
    scene["scales"] = scene["scales"].clamp(min=0.15)
    ours = leaves(scene)

    def render(*tensors: Tensor) -> tuple[Tensor, Tensor]:
        named = dict(zip(LEAVES, tensors, strict=True))
        return rasterize(*arguments(**named, Ks=ours["Ks"], sh_degree=1, render_mode="RGB+D", **size))[:2]

    assert torch.autograd.gradcheck(
        render, tuple(ours[name] for name in LEAVES), eps=1e-6, atol=1e-5, rtol=1e-4
    )


extreme = st.floats(-30, 30)
angle = st.floats(-3.2, 3.2)
camera = st.tuples(angle, angle, angle, extreme, extreme, extreme)


def camera_matrix(values: tuple[float, ...]) -> Tensor:
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = torch.tensor(Rotation.from_euler("xyz", values[:3]).as_matrix())
    matrix[:3, 3] = torch.tensor(values[3:])
    return matrix.float()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(*[extreme] * 11, st.floats(0, 1)), min_size=1, max_size=6),
    st.lists(camera, min_size=1, max_size=3),
    st.booleans(),
)
def test_no_input_gives_nan(
    rows: list[tuple[float, ...]], cameras: list[tuple[float, ...]], antialiased: bool
):
    values = torch.tensor(rows, dtype=torch.float32)
    scene = leaves(
        {
            "means": values[:, :3],
            "quats": values[:, 3:7],
            "scales": torch.exp(values[:, 7:10]),
            "opacities": values[:, 11],
            "colors": values[:, 10:11, None].expand(-1, 4, 3),
            "viewmats": torch.stack([camera_matrix(values) for values in cameras]),
            "Ks": torch.tensor([[[20.0, 0, 10], [0, 20, 10], [0, 0, 1]]]).repeat(len(cameras), 1, 1),
        }
    )
    colors, alphas, _ = rasterize(
        *arguments(
            **scene,
            width=20,
            height=20,
            sh_degree=1,
            render_mode="RGB+ED",
            rasterize_mode="antialiased" if antialiased else "classic",
        )
    )
    assert colors.isfinite().all() and alphas.isfinite().all()
    assert alphas.min() >= 0 and alphas.max() <= 1
    (colors.sum() + alphas.sum()).backward()
    for name in LEAVES:
        assert not scene[name].grad.isnan().any(), name


@settings(max_examples=25, deadline=None)
@given(st.lists(camera, min_size=1, max_size=3), st.integers(0, 1000))
def test_turning_the_world_and_its_cameras_changes_no_picture(cameras: list[tuple[float, ...]], seed: int):
    """With colours that do not depend on the direction, and float64, up to rounding."""
    scene = random_scene(60, **SIZE, n_cameras=len(cameras), seed=seed, dtype=torch.float64)
    scene["colors"] = scene["colors"][:, :1]
    world = camera_matrix(cameras[0]).double()
    turned = dict(scene)
    turned["means"] = scene["means"] @ world[:3, :3].T + world[:3, 3]
    quats = Rotation.from_matrix(world[:3, :3].numpy()) * Rotation.from_quat(
        scene["quats"].numpy(), scalar_first=True
    )
    turned["quats"] = torch.tensor(quats.as_quat(scalar_first=True))
    turned["viewmats"] = scene["viewmats"] @ torch.linalg.inv(world)
    options = {"sh_degree": 0, "render_mode": "RGB+D", **SIZE}
    for one, other in zip(
        rasterize(*arguments(**scene, **options))[:2],
        rasterize(*arguments(**turned, **options))[:2],
        strict=True,
    ):
        # A float32 rotation matrix is orthonormal to 1e-7; a pixel at the 1/255 threshold may flip.
        assert ((one - other).abs() > 1e-4).float().mean() < 1e-3


def without(scene: dict[str, Tensor], hidden: Tensor) -> dict[str, Tensor]:
    return {k: v if k in ("viewmats", "Ks") else v[~hidden] for k, v in scene.items()}


def test_what_lies_beyond_the_far_plane_is_not_drawn():
    scene = random_scene(200, **SIZE, seed=12, dtype=torch.float64)
    depths = scene["means"][:, 2]
    far = float(depths.median())
    colors, alphas, _ = rasterize(*arguments(**scene, sh_degree=2, far_plane=far, **SIZE))
    expected = rasterize(*arguments(**without(scene, depths > far), sh_degree=2, **SIZE))
    assert torch.equal(colors, expected[0]) and torch.equal(alphas, expected[1])
    assert not torch.equal(alphas, rasterize(*arguments(**scene, sh_degree=2, **SIZE))[1])


def test_what_is_no_larger_than_the_clip_is_not_drawn():
    scene = random_scene(200, **SIZE, seed=13, dtype=torch.float64)
    radii = rasterize(*arguments(**scene, sh_degree=2, **SIZE))[2]["radii"][0]
    clip = float(radii.max(dim=1).values.median())
    assert clip >= 2
    colors, alphas, _ = rasterize(*arguments(**scene, sh_degree=2, radius_clip=clip, **SIZE))
    expected = rasterize(*arguments(**without(scene, (radii <= clip).all(dim=1)), sh_degree=2, **SIZE))
    assert torch.equal(colors, expected[0]) and torch.equal(alphas, expected[1])
    assert not torch.equal(alphas, rasterize(*arguments(**scene, sh_degree=2, **SIZE))[1])


def test_the_benchmarks_baseline_computes_the_references_gradients():
    scene = random_scene(60, **SIZE, seed=14, dtype=torch.float64)
    whole, blockwise = leaves(scene), leaves(scene)
    image, _ = rasterize_reference(*arguments(**whole, sh_degree=2, **SIZE))
    weight = torch.randn(image.shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (image[0] * weight).sum().backward()
    baseline = reference_gradients(*arguments(**blockwise, sh_degree=2, **SIZE), weight, (16, 20))
    torch.testing.assert_close(baseline, image[0].detach(), rtol=0, atol=1e-12)
    for name in LEAVES:
        error = (blockwise[name].grad - whole[name].grad).norm()
        assert error <= 1e-10 * whole[name].grad.norm(), name


def test_projection_and_colors_agree_with_gsplats_torch_code():
    from gsplat.cuda._torch_impl import (
        _fully_fused_projection,
        _quat_scale_to_covar_preci,
        _spherical_harmonics,
    )

    s = random_scene(500, **SIZE, n_cameras=2, seed=9, dtype=torch.float64)
    for mode in ("classic", "antialiased"):
        info = rasterize(*arguments(**s, sh_degree=3, rasterize_mode=mode, **SIZE))[2]
        covars, _ = _quat_scale_to_covar_preci(s["quats"], s["scales"], True, False)
        radii, means2d, depths, conics, compensations = _fully_fused_projection(
            s["means"], covars, s["viewmats"], s["Ks"], **SIZE, calc_compensations=mode == "antialiased"
        )
        seen = (info["radii"] > 0).all(-1)
        assert seen.sum() > 300
        # gsplat's torch code knows no opacities, its boxes are at least as large.
        assert ((radii > 0).all(-1) | ~seen).all() and (radii >= info["radii"])[seen].all()
        torch.testing.assert_close(info["means2d"][seen], means2d[seen])
        torch.testing.assert_close(info["depths"][seen], depths[seen])
        torch.testing.assert_close(info["conics"][seen], conics[seen], rtol=1e-6, atol=1e-9)
        if compensations is not None:
            expected = s["opacities"] * compensations
            torch.testing.assert_close(info["opacities"][seen], expected[seen], rtol=1e-5, atol=1e-9)

    from hw4.splat.rasterize.functions import Harmonics

    centers = torch.linalg.inv(s["viewmats"])[:, :3, 3]
    colors = Harmonics.apply(s["means"], s["colors"], centers, torch.ones(2, 500, 2, dtype=torch.int32), 3)
    directions = s["means"] - centers[:, None]
    expected = _spherical_harmonics(3, directions, s["colors"].expand(2, 500, 16, 3)) + 0.5
    torch.testing.assert_close(colors, expected.clamp(min=0))


def test_results_repeat_bit_for_bit_on_any_number_of_threads():
    scene = random_scene(6000, 150, 110, n_cameras=2, seed=4)
    results = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            ours = leaves(scene)
            colors, alphas, _ = rasterize(
                *arguments(**ours, width=150, height=110, sh_degree=3, render_mode="RGB+ED")
            )
            loss_of(colors, alphas).backward()
            results.append([colors, alphas, *(ours[name].grad for name in LEAVES)])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_the_exponential_is_exact_at_zero_and_close_beyond():
    @njit
    def neg_exps(x, out):
        constants = exp_constants(x.dtype.type)
        for i in range(0, len(x), LANES):
            store(out, i, neg_exp(load(x, i), constants))

    x = np.linspace(0, 40, 40_000, dtype=np.float32)
    ours = np.empty_like(x)
    neg_exps(x, ours)
    expected = np.exp(-x.astype(np.float64))
    assert ours[0] == 1
    np.testing.assert_allclose(ours[x <= 6], expected[x <= 6], rtol=3e-6)
    # Where it is no longer followed, nothing is drawn any more.
    assert ours[x > 6].min() > 0 and ours[x > 6].max() < MIN_ALPHA


def test_every_thread_takes_its_share(monkeypatch: pytest.MonkeyPatch):
    """Parts go through in twos, each on a thread of its own: one thread alone would wait for ever."""
    monkeypatch.setattr("hw4.splat.rasterize.threads.n_threads", lambda: 2)
    meeting = threading.Barrier(2, timeout=20)
    by_thread: dict[int, int] = {}

    def kernel(first: int, stop: int) -> None:
        meeting.wait()
        me = threading.get_ident()
        by_thread[me] = by_thread.get(me, 0) + stop - first

    spread(kernel, 16, per_thread=8)
    assert list(by_thread.values()) == [8, 8] and threading.get_ident() in by_thread


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("n", [0, 1, 5, 40])
def test_every_item_is_dealt_to_one_thread_once(n: int, threads: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hw4.splat.rasterize.threads.n_threads", lambda: threads)
    seen = []
    spread(lambda first, stop, mark: seen.extend((i, mark) for i in range(first, stop)), n, "x", per_thread=4)
    assert sorted(seen) == [(i, "x") for i in range(n)]


def test_a_failing_thread_is_heard(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hw4.splat.rasterize.threads.n_threads", lambda: 2)

    def fail_in_the_second_part(first: int, stop: int):
        if first:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spread(fail_in_the_second_part, 2)


def test_means2d_keeps_the_gradient_that_density_control_reads():
    scene = random_scene(80, **SIZE, seed=6, dtype=torch.float64)
    ours = leaves(scene)
    colors, _, info = rasterize(*arguments(**ours, sh_degree=0, **SIZE))
    info["means2d"].retain_grad()
    colors.square().sum().backward()
    grad = info["means2d"].grad
    assert grad.shape == (1, 80, 2) and grad.abs().max() > 0
    assert not grad[(info["radii"] == 0).all(-1)].any()


def test_wrong_shapes_are_named():
    scene = one_gaussian()
    with pytest.raises(ValueError, match=r"quats must be \(1, 4\), not \(1, 3\)"):
        rasterize(*arguments(**{**scene, "quats": scene["quats"][:, :3]}, **SIZE))
    with pytest.raises(ValueError, match="sh_degree=4"):
        rasterize(*arguments(**scene, sh_degree=4, **SIZE))
    with pytest.raises(ValueError, match="float64"):
        rasterize(*arguments(**{**scene, "scales": scene["scales"].float()}, **SIZE))


def test_rasterizer_choice():
    assert resolve_rasterizer("auto", torch.device("cpu")) == "cpu"
    assert resolve_rasterizer("auto", torch.device("cuda")) == "gsplat"
    with pytest.raises(UserError, match="choose one of"):
        resolve_rasterizer("vulkan")
