"""`task=render`: a trained ``.ply`` and cameras in, PNGs out."""

from dataclasses import replace
from pathlib import Path

from hw4.config.stages import RENDER
from hw4.core.errors import UserError
from hw4.data.photos import without_suffix
from hw4.data.registry import resolution_of
from hw4.data.scenes.cameras import held_out_cameras, read_cameras
from hw4.data.scenes.ply import ply_offset
from hw4.geometry.cameras import centred_K
from hw4.jobs.context import JobContext
from hw4.output.progress import StepProgress


def run_render(context: JobContext) -> list[str]:
    """Render every camera into ``{image name}.png``.

    Raises:
        UserError: no or an unusable ``.ply``, no cameras, or the folder cannot be written.
    """
    from hw4.splat.gaussians import load_ply
    from hw4.splat.rasterize import device_for
    from hw4.splat.render import render_cameras

    config = context.config
    options = config.splat.render
    if options.ply is None:
        raise UserError("task=render needs splat.render.ply=<file.ply>, as a splat run writes it.")
    device_for(config.splat.rasterizer)
    gaussians, offset = load_ply(Path(options.ply)), ply_offset(Path(options.ply))
    if options.cameras is not None:
        cameras = read_cameras(Path(options.cameras), resolution_of(config.data))
    else:
        cameras = held_out_cameras(config.data)
    if config.splat.principal_point == "centre":
        cameras = replace(cameras, Ks=centred_K(cameras.Ks, cameras.sizes))
    out = Path(options.out) if options.out else context.out_dir / "renders"
    with StepProgress(context.console, len(cameras.names), "render") as progress:
        paths = render_cameras(
            gaussians, cameras, out, config.splat.background, config.splat.rasterizer, offset, progress
        )
    context.results[RENDER] = {"ply": options.ply, "renders": [str(path) for path in paths]}
    for name, path in zip(cameras.names, paths, strict=True):
        context.tracker.image(f"render/{without_suffix(name)}", path)
    context.console.print(f"{len(paths)} renders: {out}", soft_wrap=True, highlight=False)
    return []
