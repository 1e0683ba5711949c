"""The case stage: one sample under both inputs, measured and explained."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import MetricsConfig
from hw4.core.durable import write_bytes, write_text
from hw4.core.errors import UserError
from hw4.data.pairs.layout import PairSample
from hw4.data.photos import open_upright
from hw4.geometry.pnp import PointShape, diagnose_points
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.models.clouds import moved
from hw4.pose.clouds import cloud_npz
from hw4.pose.crossfade import Crossfade, measure_crossfade
from hw4.pose.predict import predict_sample
from hw4.pose.results import BAD_INPUT, SampleResult, score_sample
from hw4.show.case.matches import MatchedPair, match_neighbours

OnStep = Callable[[int, int, str], None]
WHOLE = "all points"


@dataclass
class CaseInput:
    """The sample under one input.

    Attributes:
        name: ``pair`` or ``interpolated``.
        result: prediction and errors, as the pose stage has them.
        reconstruction: what the model returned, or None where it failed.
        matched: between each view and the next; empty where the photos cannot be read.
        crossfade: how well blends of the two photos explain the frames between, or None without frames.
        shapes: singular values of the points by view (``view 2``), or of all points of a sparse model.
        cloud: file of the points and cameras, for the viewer, or None.
    """

    name: str
    result: SampleResult
    reconstruction: Reconstruction | None
    matched: list[MatchedPair]
    crossfade: Crossfade | None
    shapes: dict[str, PointShape]
    cloud: str | None = None

    @property
    def n_views(self) -> int:
        """Photos and frames that the model saw."""
        return len(self.result.sample.image_paths)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without images and maps."""
        fade = self.crossfade
        row = self.result.row()
        # The reconstruction may come from the cache: how long it took is the pose stage's to say.
        row.pop("seconds")
        return {
            "name": self.name,
            **row,
            "image_paths": [str(path) for path in self.result.sample.image_paths],
            "matches": [
                {
                    **asdict(m.parallax),
                    "homography_share": m.parallax.homography_share,
                    "verdict": m.parallax.verdict,
                }
                for m in self.matched
            ],
            "crossfade": None
            if fade is None
            else {
                "explained": fade.explained,
                "zoom": fade.zoom,
                "ends_alike": fade.ends_alike,
                "found": fade.found,
            },
            "shapes": {where: asdict(shape) for where, shape in self.shapes.items()},
            "cloud": self.cloud,
            "true_cam_from_world": self.result.sample.cam_from_world,
        }


@dataclass
class CaseResult:
    """One sample explained: both inputs, sentences built from the measurements, and files."""

    idx: int
    model: str
    weights: str
    protocol: str
    inputs: list[CaseInput]
    sentences: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` holds under ``case``."""
        return {
            "idx": self.idx,
            "model": self.model,
            "weights": self.weights,
            "protocol": self.protocol,
            "sentences": self.sentences,
            "inputs": [one.to_json() for one in self.inputs],
            "files": self.files,
        }


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
) -> CaseResult:
    """Show one sample under every input, and say what was measured.

    Args:
        samples: by input name, the same sample with the photos of that input.
        model: any model.
        metrics: how errors are measured.
        out_dir: receives ``case.md``, its pictures, and ``clouds/``.
        progress: step, total, state in words.

    Raises:
        UserError: the sample cannot be read, or files cannot be written.
    """
    from hw4.show.case.figures import write_figures
    from hw4.show.case.words import case_markdown, explain

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
    result.files = write_figures(result, out_dir)
    path = out_dir / "case.md"
    write_text(path, case_markdown(result, out_dir))
    result.files["markdown"] = str(path)
    say(len(samples) + 1, len(samples) + 1, "done")
    return result
