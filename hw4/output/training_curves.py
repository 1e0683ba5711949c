"""How splat training went: what is drawn over the iterations, and one run's picture of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curve:
    """One drawing over the iterations.

    Attributes:
        key: of the training log's records.
        label: of the vertical axis.
        title: of the drawing.
        logarithmic: whether that axis is.
        from_zero: whether it begins at 0.
    """

    key: str
    label: str
    title: str
    logarithmic: bool = False
    from_zero: bool = False


CURVES = (
    Curve("loss", "loss", "Training loss", logarithmic=True),
    Curve("psnr_train", "PSNR of the training view (dB)", "PSNR during training"),
    Curve("n_gaussians", "Gaussians", "Number of Gaussians", from_zero=True),
)


def training_curves(history: Sequence[dict[str, float]]) -> "Figure | None":
    """Every curve of one run side by side; None where nothing was logged."""
    if not history:
        return None
    from matplotlib.figure import Figure

    steps = [record["step"] for record in history]
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, curve in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        axes.plot(steps, [record[curve.key] for record in history], linewidth=1.2)
        axes.set(xlabel="iteration", ylabel=curve.label)
        if curve.logarithmic:
            axes.set_yscale("log")
        if curve.from_zero:
            axes.set_ylim(bottom=0)
    return figure
