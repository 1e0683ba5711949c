"""`data.sampler`: which views of a scene make a sample."""

from collections.abc import Callable, Iterator

import numpy as np

from hw4.config import ViewsConfig
from hw4.config.views import ALL, RANDOM, SEQUENCE
from hw4.core.errors import UserError
from hw4.data.views.overlap import overlaps
from hw4.data.views.scene import SceneViews
from hw4.geometry.cameras import camera_centers, yaw_deg

Places = tuple[int, ...]
# Of one first view, as many second ones are looked at for their overlap, which reads depth maps.
OVERLAPS_TRIED = 20


def draw(scene: SceneViews, config: ViewsConfig) -> list[Places]:
    """The samples of a scene, as places of its views; none where it has too few. See `ViewsConfig`.

    The same for the same scene and configuration, whatever other scenes there are.
    """
    n = len(scene)
    if n < 2:
        return []
    rng = np.random.default_rng([config.seed, *scene.scene.encode()])
    if config.sampler == ALL:
        return [tuple(range(n))]
    if config.sampler == RANDOM:
        size = config.views or n
        return [] if size > n else [_some(rng, n, size) for _ in range(config.sets or 1)]
    if config.sampler == SEQUENCE:
        return _in_order(n, config)
    found: list[Places] = []
    for pair in _pairs(scene, config, rng):
        if config.sets is not None and len(found) == config.sets:
            break
        found.append(pair)
    return found


def _some(rng: np.random.Generator, n: int, size: int) -> Places:
    # In the views' order: that of time, where there is one.
    return tuple(np.sort(rng.choice(n, size, replace=False)).tolist())


def _in_order(n: int, config: ViewsConfig) -> list[Places]:
    places = list(range(0, n, config.every))
    size = config.views or max(len(places), 2)
    samples = [tuple(places[i : i + size]) for i in range(0, len(places) - size + 1, size)]
    return samples[: config.sets]


def _pairs(scene: SceneViews, config: ViewsConfig, rng: np.random.Generator) -> Iterator[Places]:
    """Pairs in the asked ranges, at most one for each first view; the cost of each is linear in the views."""
    rotations, centers = scene.cam_from_world[:, :3, :3], camera_centers(scene.cam_from_world)
    for first in rng.permutation(len(scene)).tolist():
        good = np.arange(len(scene)) != first
        if config.yaw is not None:
            good &= _within(np.abs(yaw_deg(rotations[first], rotations)), config.yaw)
        if config.baseline is not None:
            good &= _within(np.linalg.norm(centers - centers[first], axis=1), config.baseline)
        seconds = rng.permutation(np.flatnonzero(good)).tolist()
        if config.overlap is not None:
            share = _overlap_of(scene)
            limits = config.overlap
            tried = seconds[:OVERLAPS_TRIED]
            seconds = [second for second in tried if _within(np.array(share(first, second)), limits)][:1]
        if seconds:
            yield (first, seconds[0])


def _within(values: np.ndarray, limits: list[float]) -> np.ndarray:
    return np.asarray((values >= limits[0]) & (values <= limits[1]))


def _overlap_of(scene: SceneViews) -> Callable[[int, int], float]:
    share = overlaps(scene)
    if share is None:
        raise UserError(
            f"data.overlap cannot be told of scene {scene.scene}: it has neither depth maps with intrinsics "
            "nor points that say which views see them; choose by data.yaw or data.baseline."
        )
    return share
