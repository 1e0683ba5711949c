"""`task=demo`: the user's own photos, reconstructed and drawn."""

from pathlib import Path
from typing import TYPE_CHECKING

from hw4.config import Config
from hw4.config.stages import DEMO
from hw4.core.errors import UserError
from hw4.data.photo_files import nested_note, photo_files
from hw4.data.photos import photo_folder
from hw4.data.registry import scene_photos
from hw4.jobs.context import JobContext
from hw4.models.cached import model_of
from hw4.output.progress import StepProgress

if TYPE_CHECKING:
    from hw4.show.demo.run import DemoResult


def run_demo_stage(context: JobContext) -> list[str]:
    """Find the photos, reconstruct them, write and log what there is to see.

    Raises:
        UserError: no photos, photos in the run's folder, unusable weights, or the model failed.
    """
    from hw4.show.demo.photos import find_photos
    from hw4.show.demo.run import run_demo

    config, out_dir = context.config, context.out_dir
    options = config.demo
    source = _source(config)
    if source.resolve() == out_dir.resolve():
        raise UserError(
            f"{out_dir} is both the folder of the photos and of the run, whose pictures would be taken for "
            "photos: set hydra.run.dir to another folder."
        )
    if source.is_dir():
        found = photo_files(source)
        for note in [*found.notes, *nested_note(source, "demo.images=...")]:
            context.warn(note)
        if len(found.paths) > options.max_images:
            limit = f"demo.max_images={options.max_images}"
            context.warn(
                f"{limit}: of the {len(found.paths)} photos in {source} so many are used, spread evenly"
            )
    paths = find_photos(source, options.max_images, out_dir / "frames")
    with context.showing(
        StepProgress(context.console, len(paths) + 2, f"demo {config.model.name}")
    ) as progress:
        result = run_demo(paths, model_of(config, context.build_model), options, out_dir, progress=progress)
    if options.export is not None:
        _export(result, options.export, out_dir)
    context.results[DEMO] = {"source": str(source), **result.to_json()}
    for view in result.views:
        context.tracker.image(f"demo/{view.name}", Path(view.panel))
    for name, path in result.files.items():
        if path.endswith(".png"):
            context.tracker.image(f"demo/{name}", Path(path))
    counts = {"n_placed": result.n_placed, "n_points": result.n_points, "n_photos": len(result.views)}
    context.tracker.summary({f"demo/{name}": value for name, value in counts.items()})
    for view in result.views:
        if view.diagnosis:
            context.warn(f"{view.name}: {view.diagnosis}")
    for what, why in result.missing.items():
        context.warn(f"{what} is missing: {why}")
    written = ", ".join(["panels/", *(Path(path).name for path in result.files.values())])
    context.console.print(
        f"{result.n_placed} of {len(result.views)} photos placed, {result.n_points} of {result.n_points_all} "
        f"points: {written}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    return []


def _export(result: "DemoResult", formats: list[str], out_dir: Path) -> None:
    """Write the formats of `demo.export`; what was written and what could not be joins the result's."""
    from hw4.show.export.scene import cloud_in, scene_of_demo
    from hw4.show.export.write import export_scene

    ply = result.files.get("ply")
    scene = scene_of_demo(result.to_json(), cloud_in(None if ply is None else Path(ply)))
    done = export_scene(scene, formats, out_dir / "export")
    result.files.update({f"export_{name}": path for name, path in done.files.items()})
    result.missing.update({f"export of {name}": why for name, why in done.missing.items()})


def _source(config: Config) -> Path:
    """Where the photos are: the user's, or those of the data's scene."""
    if config.demo.images is not None:
        given = Path(config.demo.images).expanduser()
        # A scene's folder holds its photos one level below.
        return photo_folder(given) if given.is_dir() and not photo_files(given).paths else given
    if "scene" in config.data.provides:
        return scene_photos(config.data)
    raise UserError(
        f"task=demo needs demo.images=<folder of photos or video file> with data={config.data.name}."
    )
