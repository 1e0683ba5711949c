"""The demo stage: photos in; panels, cameras and 3D files out."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import DemoConfig
from hw4.core.errors import UserError
from hw4.geometry.cameras import as_world_of_first, frustum_depth, moved
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.models.clouds import Cloud, cloud_of
from hw4.output.figures import save_figure
from hw4.output.reconstruction import PhotoMaps, conf_range, panels, predicted, two_sides, view_frusta
from hw4.show.demo.clean import cleaned
from hw4.show.demo.files3d import scene_of_reconstruction, write_glb, write_points_ply

# Photos a sheet: six photos are two sheets.
PER_SHEET = 3

OnStep = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DemoView:
    """One photo of the demo.

    Attributes:
        name: file name.
        photo: the file that was used.
        panel: PNG of RGB, depth and confidence.
        cam_from_world: (3, 4) world-to-camera, or None where the photo was not placed.
        K: (3, 3) intrinsics in pixels of the model's image, or None where unknown; `K_original` of the photo.
        size: width and height of the model's image.
        diagnosis: what was wrong with the view, or None.
    """

    name: str
    photo: str
    panel: str
    cam_from_world: np.ndarray | None
    K: np.ndarray | None
    K_original: np.ndarray | None
    size: tuple[int, int]
    diagnosis: str | None


@dataclass
class DemoResult:
    """What the demo stage made.

    Attributes:
        model, weights: who reconstructed.
        views: one per photo, in order.
        n_points: points in the 3D files; `n_points_all`: finite points that the model gave.
        missing: ``depth``, ``confidence``, ``scene.glb``, ``points.ply`` -> why it is not there.
        files: ``glb``, ``ply``, ``overview``, ``sheet_1``...; `notes`: the model's own facts.
    """

    model: str
    weights: str
    views: list[DemoView]
    n_points: int
    n_points_all: int
    missing: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def n_placed(self) -> int:
        """How many photos have a camera."""
        return sum(view.cam_from_world is not None for view in self.views)

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` holds under ``demo``."""
        return {**asdict(self), "n_placed": self.n_placed}


def run_demo(
    paths: Sequence[Path],
    model: ReconstructionModel,
    config: DemoConfig,
    out_dir: Path,
    seed: int = 0,
    progress: OnStep | None = None,
) -> DemoResult:
    """Reconstruct photos together and write everything there is to look at.

    Args:
        paths: N >= 2 photos.
        model: any model; panels that it cannot give say so.
        config: what the 3D files leave out: the panels show everything.
        out_dir: receives ``panels/``, ``sheet_1.png``..., ``overview.png``, ``scene.glb`` and ``points.ply``.
        seed: given to the model.
        progress: step, total, state in words.

    Raises:
        UserError: a photo cannot be read, the model failed, or files cannot be written.
    """
    say = progress or (lambda *_: None)
    total = len(paths) + 2
    say(0, total, f"{model.name} reconstructs {len(paths)} photos")
    try:
        reconstruction = model.reconstruct(paths, seed=seed)
    except ReconstructionFailed as error:
        raise UserError(f"{model.name} could not reconstruct the {len(paths)} photos: {error}.") from error
    missing = {
        kind: f"model={model.name} gives no {kind}"
        for kind, maps in (("depth", reconstruction.depth), ("confidence", reconstruction.conf))
        if maps is None
    }
    views = []
    scale = conf_range(reconstruction.conf)
    names = _names(paths)
    said = dict.fromkeys(("depth", "confidence"), "no value is finite") | missing
    maps = [_maps(reconstruction, view, path.name) for view, path in enumerate(paths)]
    for number, path in enumerate(paths):
        say(number + 1, total, f"panels of {path.name}")
        panel = save_figure(panels([maps[number]], scale, said), out_dir / "panels" / f"{names[number]}.png")
        views.append(_view(reconstruction, number, path, panel))
    sheets = {
        f"sheet_{number}": panels(maps[start : start + PER_SHEET], scale, said)
        for number, start in enumerate(range(0, len(maps), PER_SHEET), 1)
    }
    files = {name: str(save_figure(figure, out_dir / f"{name}.png")) for name, figure in sheets.items()}
    say(total - 1, total, "3D files")
    notes = dict(reconstruction.notes)
    shown = reconstruction
    if config.clean_depth and "depth" not in missing and "confidence" not in missing:
        shown, notes["n_cleaned"] = cleaned(reconstruction)
    elif config.clean_depth:
        missing["cleaned depth"] = "demo.clean_depth needs a model with depth and confidence"
    cloud = cloud_of(shown, config.min_conf_thr)
    n_confident = len(cloud)
    cloud = cloud.at_most(config.max_points)
    result = DemoResult(
        model.name,
        model.weights_label,
        views,
        len(cloud),
        cloud.n_all,
        missing,
        files,
        notes | {"n_confident": n_confident},
    )
    _write_scene(result, reconstruction, cloud, names, out_dir, config)
    say(total, total, "done")
    return result


def _names(paths: Sequence[Path]) -> list[str]:
    """A name per photo that no other has: photos may share a stem (a.jpg, a.png)."""
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else path.name for stem, path in zip(stems, paths, strict=True)]


def _maps(r: Reconstruction, view: int, title: str) -> PhotoMaps:
    depth = None if r.depth is None else r.depth[view]
    conf = None if r.conf is None else r.conf[view]
    return PhotoMaps(title, r.images[view], depth, conf)


def _view(r: Reconstruction, view: int, path: Path, panel: Path) -> DemoView:
    known = bool(np.isfinite(r.Ks[view]).all())
    return DemoView(
        path.name,
        str(path),
        str(panel),
        r.cam_from_world[view] if r.is_valid(view) else None,
        r.Ks[view] if known else None,
        r.Ks_original[view] if known else None,
        r.image_size(view),
        r.diagnoses[view] or (None if r.is_valid(view) else "no camera was found"),
    )


def _write_scene(
    result: DemoResult,
    r: Reconstruction,
    cloud: Cloud,
    names: list[str],
    out_dir: Path,
    config: DemoConfig,
) -> None:
    if len(cloud):
        result.files["ply"] = str(write_points_ply(cloud, out_dir / "points.ply"))
    elif cloud.n_all:
        result.missing["points.ply"] = (
            f"none of {cloud.n_all} points is surer than demo.min_conf_thr={config.min_conf_thr:g}"
        )
    else:
        result.missing["points.ply"] = "no placed photo has points"
    to_first = as_world_of_first(r.cam_from_world)
    frusta = view_frusta(r, frustum_depth(cloud.points, r.cam_from_world), to_first)
    if not frusta:
        result.missing["scene.glb"] = "no photo has a camera with intrinsics"
        return
    scene = scene_of_reconstruction(r, cloud, names)
    result.files["glb"] = str(write_glb(scene, out_dir / "scene.glb"))
    cameras = predicted(frusta, r.n_views, f"{len(frusta)} cameras, first red, last blue")
    title = f"{result.model}: {len(cloud)} points, {len(frusta)} of {r.n_views} photos placed"
    figure = two_sides(moved(cloud.points, to_first), cloud.colors, [cameras], title)
    result.files["overview"] = str(save_figure(figure, out_dir / "overview.png"))
