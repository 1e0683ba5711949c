"""CUDA rasterizer: gsplat, with its build made visible."""

import contextlib
import io
import os
import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from hw4.core.durable import exclusive
from hw4.core.errors import UserError
from hw4.splat.rasterize.arguments import RasterOptions, Splats, Views


@cache
def load_gsplat() -> ModuleType:
    """Import gsplat and make sure that its CUDA extension is there; the first use compiles it.

    Raises:
        UserError: no CUDA device, no CUDA toolkit to compile with, or the compilation failed.
    """
    if not torch.cuda.is_available():
        raise UserError(
            "splat.rasterizer=gsplat needs a CUDA device and torch sees none: use splat.rasterizer=cpu, or "
            "install a torch build for this machine's driver."
        )
    print(
        "gsplat: preparing its CUDA extension; the first use on a machine compiles it, which takes minutes.",
        file=sys.stderr,
        flush=True,
    )
    try:
        # gsplat empties the build folder before it compiles: two processes must not do so at once.
        with exclusive(_build_root() / "hw4"), contextlib.redirect_stdout(io.StringIO()):
            import gsplat
            from gsplat.cuda._backend import _C
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"gsplat's CUDA extension could not be compiled ({type(error).__name__}: {_first_error(error)}): "
            f"it needs an nvcc of the same major version as torch's CUDA {torch.version.cuda}, CUDA_HOME set "
            "to that toolkit's folder, and ninja (pip install 'hw4[gpu]'); or use splat.rasterizer=cpu."
        ) from error
    if _C is None:
        raise UserError(
            "gsplat found no CUDA toolkit to compile its extension with: put nvcc on the PATH or set "
            "CUDA_HOME, or use splat.rasterizer=cpu."
        )
    return gsplat


def _first_error(error: Exception) -> str:
    """What a compiler complained about first, among thousands of lines of commands and warnings."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    complaints = (line for line in lines if re.search(r"\berror( \w+)?:", line) and len(line) < 400)
    return next(complaints, lines[0][:200] if lines else "no message")


def built_extension() -> str | None:
    """Where gsplat's compiled extension lies; None: the first use compiles it. Nothing of it is loaded."""
    package, root = find_spec("gsplat"), _build_root()
    folders = [Path(str(package.origin)).parent] if package else []
    prebuilt = [path for folder in folders for path in folder.glob("csrc*.so")]
    compiled = [*root.glob("gsplat_cuda/gsplat_cuda.so"), *root.glob("*/gsplat_cuda/gsplat_cuda.so")]
    return next(map(str, sorted([*prebuilt, *compiled])), None)


def _build_root() -> Path:
    from torch.utils.cpp_extension import get_default_build_root

    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root())


def rasterize_gsplat(
    splats: Splats, views: Views, options: RasterOptions
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`gsplat.rasterization` unpacked, so that `info` has one layout whatever the rasterizer."""
    # gsplat 1.5.3 divides by the number of Gaussians before it looks whether there are any.
    if len(splats.means) == 0:
        background = options.backgrounds
        if background is None or options.depth_only:
            n_colors = 0 if options.depth_only else splats.colors.shape[-1]
            background = splats.means.new_zeros(len(views.viewmats), n_colors)
        if options.render_mode != "RGB":
            background = torch.cat([background, torch.zeros_like(views.viewmats[:, 0, :1])], dim=-1)
        return _no_gaussians(splats, background, views.width, views.height)
    return load_gsplat().rasterization(**vars(splats), **vars(views), **vars(options), packed=False)


def _no_gaussians(
    splats: Splats, background: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """What `rasterize` returns for no Gaussians before a (C, X) background."""
    C, means = len(background), splats.means
    # A part of the graph, so that a loss of it can go backward.
    empty = means.new_zeros(C, height, width, 1) + 0 * means.sum()
    info = {
        "camera_ids": None,
        "gaussian_ids": None,
        "radii": torch.zeros(C, 0, 2, dtype=torch.int32, device=means.device),
        "means2d": means[None, :, :2].expand(C, 0, 2),
        "depths": means[None, :, 2].expand(C, 0),
        "conics": means[None].expand(C, 0, 3),
        "opacities": splats.opacities.expand(C, 0),
        "width": width,
        "height": height,
        "n_batches": 1,
        "n_cameras": C,
    }
    return empty + background[:, None, None], empty, info
