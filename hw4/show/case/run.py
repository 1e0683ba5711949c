"""The case stage: one sample under both inputs, measured and explained."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hw4.config import MetricsConfig
from hw4.core.durable import write_bytes, write_text
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.photos import open_upright
from hw4.geometry.cameras import moved
from hw4.geometry.pnp import PointShape, diagnose_points
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.output.figures import SCREEN
from hw4.pose.clouds import cloud_npz
from hw4.pose.crossfade import measure_crossfade
from hw4.pose.predict import predict_sample
from hw4.pose.results import BAD_INPUT
from hw4.pose.scoring import score_sample
from hw4.show.case.figures import write_figures
from hw4.show.case.matches import match_neighbours
from hw4.show.case.page import case_markdown
from hw4.show.case.result import CaseInput, CaseResult
from hw4.show.case.words import explain

OnStep = Callable[[int, int, str], None]
WHOLE = "all points"


class _Keeping(ReconstructionModel):
    """Hands a model's last reconstruction on, which `predict_sample` condenses."""

    def __init__(self, model: ReconstructionModel) -> None:
        self.name, self.weights_label = model.name, model.weights_label
        self.last: Reconstruction | None = None
        self._model = model

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        self.last = self._model.reconstruct(image_paths, Ks, seed)
        return self.last


def point_shapes(r: Reconstruction) -> dict[str, PointShape]:
    """Shape of each view's points, in its camera's frame where it has one; of all sparse points."""
    if r.pts3d is None:
        return {} if r.points is None else {WHOLE: diagnose_points(r.points)}
    shapes = {}
    for view, points in enumerate(r.pts3d):
        in_camera = moved(points, r.cam_from_world[view]) if r.is_valid(view) else points
        shapes[f"view {view}"] = diagnose_points(in_camera)
    return shapes


def examine(
    name: str, sample: PairSample, model: ReconstructionModel, metrics: MetricsConfig, seed: int = 0
) -> CaseInput:
    """Predict, score and measure one sample under one input.

    Args:
        name: of the input.
        sample: with the photos of that input.
        model: any model; asked once.
        metrics: how errors are measured.
        seed: given to the model.

    Raises:
        UserError: a photo or the model's weights cannot be read.
    """
    if sample.problem is not None:
        raise UserError(f"sample {sample.idx} cannot be used with input={name}: {sample.problem}.")
    keeping = _Keeping(model)
    prediction = predict_sample(keeping, sample, seed)
    if prediction.status == BAD_INPUT:
        # A photo that cannot be read, or weights that are not there: nothing of this is the model's failure.
        raise UserError(str(prediction.reason))
    result = score_sample(sample, prediction, metrics)
    crossfade = None
    if len(sample.image_paths) > 2:
        crossfade = measure_crossfade([open_upright(path) for path in sample.image_paths])
    shapes = {} if keeping.last is None else point_shapes(keeping.last)
    return CaseInput(name, result, keeping.last, match_neighbours(sample.image_paths), crossfade, shapes)


def run_case(
    samples: dict[str, PairSample],
    model: ReconstructionModel,
    metrics: MetricsConfig,
    out_dir: Path,
    progress: OnStep | None = None,
    style: str = SCREEN,
) -> CaseResult:
    """Show one sample under every input, and say what was measured.

    Args:
        samples: by input name, the same sample with the photos of that input.
        model: any model.
        metrics: how errors are measured.
        out_dir: receives ``case.md``, its pictures, and ``clouds/``.
        progress: step, total, state in words.
        style: of the pictures, as `report.style`.

    Raises:
        UserError: the sample cannot be read, or files cannot be written.
    """
    say = progress or (lambda *_: None)
    inputs = []
    for number, (name, sample) in enumerate(samples.items()):
        say(number, len(samples) + 1, f"{model.name} on input {name}, {len(sample.image_paths)} views")
        one = examine(name, sample, model, metrics)
        if one.reconstruction is not None:
            path = out_dir / "clouds" / f"{name}.npz"
            write_bytes(path, cloud_npz(one.reconstruction))
            one.cloud = str(path)
        inputs.append(one)
    say(len(samples), len(samples) + 1, "pictures")
    idx = inputs[0].result.sample.idx
    result = CaseResult(idx, model.name, model.weights_label, metrics.protocol, inputs)
    result.sentences = explain(result)
    result.files = write_figures(result, out_dir, style)
    path = out_dir / "case.md"
    write_text(path, case_markdown(result, out_dir))
    result.files["markdown"] = str(path)
    say(len(samples) + 1, len(samples) + 1, "done")
    return result
