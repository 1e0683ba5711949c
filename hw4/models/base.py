"""What every reconstruction model returns and what it must provide."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from hw4.models.network.views import ModelView

# In `Reconstruction.notes`, where a model leaves views that it cannot place at the identity: their numbers.
IDENTITY_VIEWS = "identity_views"
# In `Reconstruction.notes` of a model that keeps the intrinsics which it was given: true.
GIVEN_KS = "given_intrinsics"


@dataclass
class Reconstruction:
    """Cameras, and geometry where the model has it, for N views of one scene.

    All cameras share one world frame of arbitrary gauge (usually the first camera), with
    OpenCV axes (x right, y down, z forward). A view that could not be estimated has NaN in its
    ``cam_from_world`` and its reason in ``diagnoses``.

    Attributes:
        cam_from_world: (N, 3, 4) float64, world-to-camera ``[R | t]``; scale is the model's own.
        Ks: (N, 3, 3) float64, pinhole intrinsics in pixels of ``images`` (the images as the model saw them).
            NaN where unknown.
        image_sizes: (N, 2) int, width and height of the original images after EXIF rotation.
        original_from_model: (N, 3, 3) float64, affine map from homogeneous pixels of ``images`` to
            homogeneous pixels of the original image. Pixel coordinates are continuous with the top-left
            corner of the image at (0, 0), so that a resize is a pure scale.
        images: N arrays (H, W, 3) uint8, the images as the model saw them.
        pts3d: N arrays (H, W, 3) float32 in the world frame, or None.
        conf: N arrays (H, W) float32, larger is surer (the model's own scale), or None.
        depth: N arrays (H, W) float32, z in the camera, or None.
        points: (P, 3) float32 sparse world points (classical models), or None.
        point_colors: (P, 3) uint8, or None.
        diagnoses: one entry per view; None for a healthy view, else what went wrong in words.
        notes: facts about the whole reconstruction (alignment loss, matches...), JSON-serialisable.
        matches: (M, 4) float64 pixels x, y in the first of `images`, then in the last one, from a model that
            matches keypoints, or None.
        verified: (M,) bool, the matches that agree with the model's own geometry, or None.
    """

    cam_from_world: np.ndarray
    Ks: np.ndarray
    image_sizes: np.ndarray
    original_from_model: np.ndarray
    images: list[np.ndarray]
    pts3d: list[np.ndarray] | None = None
    conf: list[np.ndarray] | None = None
    depth: list[np.ndarray] | None = None
    points: np.ndarray | None = None
    point_colors: np.ndarray | None = None
    diagnoses: list[str | None] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)
    matches: np.ndarray | None = None
    verified: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.cam_from_world)
        if not self.diagnoses:
            self.diagnoses = [None] * n
        if self.cam_from_world.shape != (n, 3, 4) or self.Ks.shape != (n, 3, 3):
            raise ValueError(
                f"Reconstruction of {n} views: cam_from_world must be (N, 3, 4) and Ks (N, 3, 3), "
                f"not {self.cam_from_world.shape} and {self.Ks.shape}"
            )

    @property
    def n_views(self) -> int:
        """Number of views N."""
        return len(self.cam_from_world)

    @property
    def Ks_original(self) -> np.ndarray:
        """(N, 3, 3) intrinsics in pixels of the original images."""
        return self.original_from_model @ self.Ks

    def image_size(self, view: int) -> tuple[int, int]:
        """Width and height of a view as the model saw it: the image that `Ks` refers to."""
        height, width = self.images[view].shape[:2]
        return width, height

    def is_valid(self, view: int) -> bool:
        """Whether the view's camera was estimated (finite)."""
        return bool(np.isfinite(self.cam_from_world[view]).all())


class ReconstructionModel(ABC):
    """A model that estimates cameras (and geometry) from photos of one scene.

    A child provides `reconstruct`; everything it needs (weights, device, options) is given to its
    constructor. `reconstruct` must not write files and must not depend on earlier calls.
    """

    name: str
    weights_label: str
    """What the tables say about the weights: ``tiny``, ``official``, ``random weights``, ``none``, a file."""
    thread_safe: ClassVar[bool] = False
    """Whether several threads may reconstruct different scenes at a time, to the same results as one."""
    scratch: Path | None = None
    """A folder of this model, its weights and keys, for what a killed `reconstruct` would go on from."""
    on_step: Callable[[int, int, str], None] | None = None
    """Told how far a long `reconstruct` is: steps done, of how many, and of what in words."""

    @abstractmethod
    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        """Estimate all cameras of one scene.

        Args:
            image_paths: N >= 2 image files, in temporal order for a sequence.
            Ks: (N, 3, 3) known intrinsics in original pixels or None. Learned models ignore it.
            seed: makes every random choice of the model repeatable.

        Raises:
            UserError: an image cannot be read, or the model's inputs are impossible.
            ReconstructionFailed: the scene could not be reconstructed; the message is the reason.
        """

    def open(self, folder: Path | None = None) -> None:  # noqa: B027
        """Start what the model needs beside itself; here, nothing. The first `reconstruct` does, else.

        Args:
            folder: where it may keep a log; None: nowhere.

        Raises:
            UserError: it cannot be started.
        """

    def close(self) -> None:  # noqa: B027
        """End what `open` has started; the model is not used afterwards."""


class ViewsModel(ReconstructionModel):
    """A model that works on photos decoded beforehand, by any thread."""

    @abstractmethod
    def load_views(self, image_paths: Sequence[Path]) -> "list[ModelView]":
        """Photos as the network sees them; must not touch the model.

        Raises:
            UserError: an image cannot be read.
        """

    @abstractmethod
    def reconstruct_views(self, views: "Sequence[ModelView]", seed: int = 0) -> Reconstruction:
        """As `reconstruct`, of photos that `load_views` has decoded."""

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        """See `ReconstructionModel.reconstruct`; `Ks` is ignored."""
        return self.reconstruct_views(self.load_views(image_paths), seed)


class BatchedModel(ViewsModel):
    """A model that takes several scenes at once, to the same results up to rounding."""

    @abstractmethod
    def scenes_per_batch(self, views: "Sequence[ModelView]") -> int:
        """How many scenes of these shapes it should be given together; at least 1."""

    @abstractmethod
    def reconstruct_batch(self, scenes: "Sequence[Sequence[ModelView]]") -> list[Reconstruction]:
        """As `reconstruct_views` of each scene.

        Args:
            scenes: `load_views` of each, all of the same number and shapes of views.

        Raises:
            NoRoom: the device has too little memory for them; fewer may fit.
        """

    def reconstruct_views(self, views: "Sequence[ModelView]", seed: int = 0) -> Reconstruction:
        """See `ViewsModel.reconstruct_views`; `seed` is ignored: nothing here is random."""
        return self.reconstruct_batch([views])[0]


class ReconstructionFailed(Exception):
    """This scene has no reconstruction; the message says why. The run records it and goes on."""


class ReconstructionBroken(ReconstructionFailed):
    """What computes broke down over this scene, which may go well another time: it is not remembered."""


class NoRoom(ReconstructionBroken):
    """A device has too little memory for this scene, or for the scenes that were given together."""
