"""Camera from points and pixels (PnP) that survives degenerate points and says what they were."""

from dataclasses import dataclass

import cv2
import numpy as np

# Ratios of singular values under which points count as lacking a dimension.
FLAT = 0.01
# Extent relative to the distance from the origin under which points count as one point.
TINY = 1e-4
# Points farther from the middle than this many median distances say nothing about the shape of the rest.
FAR = 20.0
MIN_POINTS = 4
# SQPnP's own limit in OpenCV 4 and 5: variance of the pixels over both axes, in units of the focal length.
MIN_PIXEL_VARIANCE = 1e-5
NO_METHOD = "none"


@dataclass(frozen=True)
class PointShape:
    """How many dimensions a set of points fills.

    Attributes:
        kind: ``volume``, ``plane``, ``line``, ``point``, ``few`` (fewer than 4) or ``not finite``.
        singular_values: of the centred points, divided by the root of their number: their extents in units
            of the points, largest first. NaN where there are too few points. Far outliers are left out.
        count: number of finite points.
    """

    kind: str
    singular_values: tuple[float, float, float]
    count: int

    @property
    def flatness(self) -> float:
        """Smallest over largest singular value; 0 for a plane, NaN where undefined."""
        largest, _, smallest = self.singular_values
        return smallest / largest if largest > 0 else float("nan")

    @property
    def degenerate(self) -> bool:
        """Whether the points fill no volume."""
        return self.kind != "volume"

    def __str__(self) -> str:
        if self.kind == "few":
            return f"only {self.count} finite points"
        if self.kind == "not finite":
            return "no point is finite"
        first, second, third = self.singular_values
        ratios = f", ratios {second / first:.1e} and {third / first:.1e}" if first > 0 else ""
        return f"points are {self.kind}-like: singular values {first:.3g}, {second:.3g}, {third:.3g}{ratios}"


def diagnose_points(pts: np.ndarray) -> PointShape:
    """Shape of a set of points (..., 3) by the singular values of the centred points; NaNs are left out."""
    flat = np.asarray(pts, np.float64).reshape(-1, 3)
    finite = flat[np.isfinite(flat).all(axis=1)]
    unknown = (float("nan"),) * 3
    if len(flat) and not len(finite):
        return PointShape("not finite", unknown, 0)
    if len(finite) < MIN_POINTS:
        return PointShape("few", unknown, len(finite))
    away = np.linalg.norm(finite - np.median(finite, axis=0), axis=1)
    near = finite[away <= FAR * np.median(away)] if np.median(away) > 0 else finite
    values = np.linalg.svd(near - near.mean(axis=0), compute_uv=False) / np.sqrt(len(near))
    first, second, third = (float(value) for value in values)
    distance = float(np.linalg.norm(near, axis=1).mean())
    if first <= TINY * distance or first == 0:
        kind = "point"
    elif second <= FLAT * first:
        kind = "line"
    elif third <= FLAT * first:
        kind = "plane"
    else:
        kind = "volume"
    return PointShape(kind, (first, second, third), len(finite))


@dataclass(frozen=True)
class PnPResult:
    """A camera, or why there is none.

    Attributes:
        cam_from_world: (3, 4) float64, or None.
        method: the solver that found it; ``none``: no solver did.
        inliers: pixels within the reprojection error.
        shape: of the points.
        problem: what went wrong with the first solver; None where it succeeded.
    """

    cam_from_world: np.ndarray | None
    method: str
    inliers: int
    shape: PointShape
    problem: str | None


def crowding(pixels: np.ndarray, K: np.ndarray) -> str | None:
    """Why (P, 2) pixels are too close together for SQPnP, in words; None: they are not.

    Measured here, because whether OpenCV raises over it, and with which words, is its version's affair.
    """
    spread = np.asarray(pixels, float).var(axis=0)
    if (spread / np.diag(K)[:2] ** 2).sum() >= MIN_PIXEL_VARIANCE:
        return None
    return f"the pixels are too close together: on average {np.sqrt(spread.sum()):.2g} px from their middle"


def safe_pnp(
    pts3d: np.ndarray,
    pixels: np.ndarray,
    K: np.ndarray,
    iterations: int = 10,
    reprojection_error: float = 5.0,
    fallbacks: bool = True,
) -> PnPResult:
    """RANSAC PnP that tries upstream's solver first and others after it; never raises.

    SQPnP (Terzakis & Lourakis, ECCV 2020) fails on pixels that lie close together and on points in one place:
    both are measured here and OpenCV is not asked; where it raises or finds nothing all the same, that is the
    problem. Then: the same on points scaled to unit size, EPnP, IPPE where the points are a plane, and
    iterative PnP. Points on a line leave the camera free to turn about it, so nothing more is tried there.

    Args:
        pts3d: (P, 3) points; non-finite ones are left out.
        pixels: (P, 2) their pixels.
        K: (3, 3) intrinsics.
        iterations: RANSAC iterations.
        reprojection_error: RANSAC threshold in pixels.
        fallbacks: whether other solvers are tried where SQPnP fails.
    """
    pts = np.asarray(pts3d, np.float32).reshape(-1, 3)
    finite = np.isfinite(pts).all(axis=1)
    pts, pixels = pts[finite], np.asarray(pixels, np.float32).reshape(-1, 2)[finite]
    shape = diagnose_points(np.asarray(pts3d))
    if len(pts) < MIN_POINTS or not np.isfinite(K).all():
        why = str(shape) if len(pts) < MIN_POINTS else "the intrinsics are not finite"
        return PnPResult(None, NO_METHOD, 0, shape, why)
    if shape.kind == "point":
        return PnPResult(None, NO_METHOD, 0, shape, str(shape))
    crowded = crowding(pixels, K)

    def solve(points: np.ndarray, flag: int) -> tuple[np.ndarray | None, int, str | None]:
        if crowded and flag == cv2.SOLVEPNP_SQPNP:
            return None, 0, crowded
        try:
            success, rvec, tvec, inliers = cv2.solvePnPRansac(
                points,
                pixels,
                np.asarray(K, np.float32),
                None,
                iterationsCount=iterations,
                reprojectionError=reprojection_error,
                flags=flag,
            )
        except cv2.error as error:
            return None, 0, getattr(error, "err", None) or str(error).strip()
        if not success or inliers is None or not len(inliers):
            return None, 0, "no consensus among the points"
        if flag == cv2.SOLVEPNP_SQPNP and (close := crowding(pixels[inliers.ravel()], K)):
            return None, 0, f"of the {len(inliers)} points in consensus, {close}"
        camera = np.hstack([cv2.Rodrigues(rvec)[0], np.reshape(tvec, (3, 1))])
        if not np.isfinite(camera).all():
            return None, 0, "the solution is not finite"
        return camera, len(inliers), None

    problem: str | None
    camera, inliers, problem = solve(pts, cv2.SOLVEPNP_SQPNP)
    if camera is not None:
        return PnPResult(camera, "SQPnP", inliers, shape, None)
    if shape.kind == "line" or not fallbacks:
        return PnPResult(None, NO_METHOD, 0, shape, f"{problem}; {shape}")

    center = np.median(pts, axis=0)
    scale = shape.singular_values[0]
    unit = ((pts - center) / scale).astype(np.float32)
    others = [("SQPnP on rescaled points", cv2.SOLVEPNP_SQPNP), ("EPnP", cv2.SOLVEPNP_EPNP)]
    if shape.kind == "plane":
        others.append(("IPPE", cv2.SOLVEPNP_IPPE))
    others.append(("iterative PnP", cv2.SOLVEPNP_ITERATIVE))
    for method, flag in others:
        camera, inliers, _ = solve(unit, flag)
        if camera is None or inliers < MIN_POINTS:
            continue
        depth = unit @ camera[2, :3] + camera[2, 3]
        if np.median(depth) <= 0:
            continue
        camera[:, 3] = camera[:, 3] * scale - camera[:, :3] @ center
        return PnPResult(camera, method, inliers, shape, f"{problem}; {shape}")
    return PnPResult(None, NO_METHOD, 0, shape, f"{problem}; {shape}")
