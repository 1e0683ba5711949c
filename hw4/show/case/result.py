"""What the case stage finds out about one sample."""

from dataclasses import asdict, dataclass, field
from typing import Any

from hw4.geometry.pnp import PointShape
from hw4.models.base import Reconstruction
from hw4.pose.crossfade import FrameSources
from hw4.pose.results import SampleResult
from hw4.show.case.matches import MatchedPair


@dataclass
class CaseInput:
    """The sample under one input.

    Attributes:
        name: ``pair`` or ``interpolated``.
        result: prediction and errors, as the pose stage has them.
        reconstruction: what the model returned, or None where it failed.
        matched: between each view and the next; empty where the photos cannot be read.
        crossfade: what the two photos explain of the frames between, or None without frames.
        shapes: singular values of the points by view (``view 2``), or of all points of a sparse model.
        cloud: file of the points and cameras, for the viewer, or None.
    """

    name: str
    result: SampleResult
    reconstruction: Reconstruction | None
    matched: list[MatchedPair]
    crossfade: FrameSources | None
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
                "pan": fade.pan,
                "kinds": fade.kinds,
                "ends_alike": fade.ends_alike,
                "verdict": fade.verdict,
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
