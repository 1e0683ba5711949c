"""The Gaussians as gsplat's strategies want them, one tensor a property before activation, and their PLY."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from plyfile import PlyData, PlyElement
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import Parameter, ParameterDict

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.scenes.ply import OFFSET, read_vertices
from hw4.splat.rasterize import RasterOptions, Splats, Views, rasterize
from hw4.splat.rasterize.harmonics import C0

GEOMETRY = ("means", "scales", "quats", "opacities")
TRAINED = (*GEOMETRY, "sh0", "shN")


def n_sh_bases(degree: int) -> int:
    """Number of SH basis functions up to a degree."""
    return (degree + 1) ** 2


def make_gaussians(
    points: np.ndarray,
    colors: np.ndarray,
    sh_degree: int,
    opacity: float,
    scale_factor: float = 1.0,
    lr_factors: np.ndarray | None = None,
) -> ParameterDict:
    """Round Gaussians on points, as large as the distance to their three nearest neighbours (3DGS).

    Args:
        points: (P, 3) world points, P >= 1.
        colors: (P, 3) uint8.
        sh_degree: highest SH degree that will be trained.
        opacity: initial opacity, 0..1.
        scale_factor: multiplies the initial standard deviations.
        lr_factors: (P,) factor on each point's position learning rate, or null for 1.

    Returns:
        Parameters ``means`` (P, 3), ``scales`` (P, 3, log), ``quats`` (P, 4, wxyz), ``opacities`` (P, logit),
        ``sh0`` (P, 1, 3), ``shN`` (P, K - 1, 3), and the untrained ``lr_factors`` (P, 1), which density
        control carries along.
    """
    n = len(points)
    k = min(4, n)
    distances = cKDTree(points).query(points, k=k)[0].reshape(n, k)[:, 1:]
    spacing = np.sqrt((distances**2).mean(axis=1)) if k > 1 else np.ones(n)
    # Coincident points have no spacing; a small share of the others' keeps their scale finite.
    floor = max(1e-3 * float(np.median(spacing[spacing > 0])) if (spacing > 0).any() else 0.0, 1e-7)
    log_scales = np.log(scale_factor * np.maximum(spacing, floor))
    factors = np.ones(n) if lr_factors is None else lr_factors
    quats = np.zeros((n, 4))
    quats[:, 0] = 1
    values = {
        "means": points,
        "scales": np.repeat(log_scales[:, None], 3, axis=1),
        "quats": quats,
        "opacities": np.full(n, np.log(opacity / (1 - opacity)) if opacity < 1 else 20.0),
        "sh0": ((colors / 255.0 - 0.5) / C0)[:, None],
        "shN": np.zeros((n, n_sh_bases(sh_degree) - 1, 3)),
        "lr_factors": factors[:, None],
    }
    return parameters({name: torch.tensor(value, dtype=torch.float32) for name, value in values.items()})


def parameters(values: dict[str, Tensor]) -> ParameterDict:
    """Wrap tensors as parameters; all but ``lr_factors`` are trained."""
    return ParameterDict({k: Parameter(v, requires_grad=k in TRAINED) for k, v in values.items()})


def render_gaussians(
    gaussians: ParameterDict, viewmats: Tensor, Ks: Tensor, width: int, height: int, **options: Any
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`hw4.splat.rasterize.rasterize` of parameters, on the device that they are on.

    Args:
        gaussians: parameters, see `make_gaussians`.
        viewmats: (C, 4, 4) world-to-camera.
        Ks: (C, 3, 3) intrinsics in pixels.
        width: pixels.
        height: pixels.
        options: fields of `RasterOptions`; all SH coefficients count unless `sh_degree` is given.
    """
    sh0, shN = gaussians["sh0"], gaussians["shN"]
    degree = options.setdefault("sh_degree", math.isqrt(1 + shN.shape[1]) - 1)
    # What is not used is not copied, and has no gradient to be filled with zeros.
    colors = torch.cat([sh0, shN[:, : n_sh_bases(degree) - 1]], dim=1) if degree > 0 else sh0
    splats = Splats(
        gaussians["means"],
        gaussians["quats"],
        torch.exp(gaussians["scales"]),
        torch.sigmoid(gaussians["opacities"]),
        colors,
    )
    return rasterize(splats, Views(viewmats, Ks, width, height), RasterOptions(**options))


def _columns(n_rest: int) -> list[str]:
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    names += [f"f_rest_{i}" for i in range(n_rest)]
    return [*names, "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]


def save_ply(
    gaussians: ParameterDict | dict[str, Tensor], path: Path, offset: np.ndarray | None = None
) -> None:
    """Write the 3DGS-standard PLY (Kerbl et al.'s ``save_ply``), as SuperSplat and others open it.

    Args:
        gaussians: parameters, see `make_gaussians`; float64 centres are rounded here.
        path: of the file.
        offset: (3,) float64 that is taken off the centres and kept as a comment of the file (`ply_offset`).

    Raises:
        UserError: the file cannot be written.
    """
    values = {name: p.detach().cpu().numpy() for name, p in gaussians.items()}
    comments = []
    if offset is not None and np.any(offset):
        values["means"] = values["means"] - offset
        comments = [" ".join([*OFFSET[1:], *(repr(float(value)) for value in offset)])]
    n, n_rest = len(values["means"]), 3 * values["shN"].shape[1]
    table = np.concatenate(
        [
            values["means"],
            np.zeros((n, 3), np.float32),
            values["sh0"].reshape(n, 3),
            values["shN"].transpose(0, 2, 1).reshape(n, n_rest),
            values["opacities"].reshape(n, 1),
            values["scales"],
            values["quats"],
        ],
        axis=1,
    )
    names = _columns(n_rest)
    rows = np.ascontiguousarray(table, dtype="<f4").view([(name, "<f4") for name in names]).reshape(n)
    buffer = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<", comments=comments).write(buffer)
    write_bytes(path, buffer.getvalue())


def load_ply(path: Path) -> ParameterDict:
    """Read a 3DGS-standard PLY of any SH degree up to 3.

    Centres are as in the file; `ply_offset` is what its world adds to them.

    Raises:
        UserError: the file does not exist, is no such PLY, or has values that are no finite numbers.
    """
    try:
        vertex = read_vertices(path)
        present = set(vertex.dtype.names or ())
    except ValueError as error:
        raise UserError(f"cannot read the Gaussians in {path} ({error}).") from error
    n_rest = sum(name.startswith("f_rest_") for name in present)
    missing = [c for c in _columns(n_rest) if c not in present and c not in ("nx", "ny", "nz")]
    if missing or n_rest not in (0, 9, 24, 45):
        what = f"columns {', '.join(missing[:3])} are missing" if missing else f"{n_rest} f_rest columns"
        raise UserError(f"{path} is no 3DGS point cloud ({what}).")

    def columns(*names: str) -> Tensor:
        return torch.tensor(np.stack([np.asarray(vertex[name], np.float32) for name in names], axis=1))

    n = len(vertex)
    rest = columns(*[f"f_rest_{i}" for i in range(n_rest)]) if n_rest else torch.zeros(n, 0)
    gaussians = parameters(
        {
            "means": columns("x", "y", "z"),
            "scales": columns("scale_0", "scale_1", "scale_2"),
            "quats": columns("rot_0", "rot_1", "rot_2", "rot_3"),
            "opacities": columns("opacity")[:, 0],
            "sh0": columns("f_dc_0", "f_dc_1", "f_dc_2")[:, None],
            "shN": rest.reshape(n, 3, n_rest // 3).transpose(1, 2).contiguous(),
            "lr_factors": torch.ones(n, 1),
        }
    )
    for name, p in gaussians.items():
        # An opacity of exactly 0 or 1 is infinite before its activation.
        good = ~p.isnan() if name == "opacities" else p.isfinite()
        n_good = int(good.flatten(1).all(dim=1).sum() if good.dim() > 1 else good.sum())
        if n_good < n:
            raise UserError(
                f"{path}: {n - n_good} of {n} Gaussians have {name} that are no finite numbers; the file is "
                "damaged, or the training that wrote it failed."
            )
    return gaussians


def clone(gaussians: ParameterDict) -> ParameterDict:
    """An independent copy."""
    return ParameterDict(
        {
            k: torch.nn.Parameter(p.detach().clone(), requires_grad=p.requires_grad)
            for k, p in gaussians.items()
        }
    )
