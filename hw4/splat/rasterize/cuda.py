"""CUDA rasterizer: gsplat, with its build made visible."""

import contextlib
import io
import sys
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from hw4.errors import UserError


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
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            import gsplat
            from gsplat.cuda._backend import _C
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            "gsplat's CUDA extension could not be compiled "
            f"({type(error).__name__}: {reason[0] if reason else 'no message'}): it needs an nvcc of the "
            f"same major version as torch's CUDA {torch.version.cuda} and ninja (pip install 'hw4[gpu]'); or "
            "use splat.rasterizer=cpu."
        ) from error
    if _C is None:
        raise UserError(
            "gsplat found no CUDA toolkit to compile its extension with: put nvcc on the PATH or set "
            "CUDA_HOME, or use splat.rasterizer=cpu."
        )
    return gsplat


def rasterize_gsplat(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`gsplat.rasterization` unpacked, so that `info` has one layout whatever the rasterizer."""
    return load_gsplat().rasterization(*args, packed=False, **kwargs)
