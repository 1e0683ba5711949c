"""What the splat stage computes."""

from dataclasses import asdict, dataclass, field
from typing import Any

METRICS = ("psnr", "ssim", "lpips")
RESULT_FILE = "splat.json"


@dataclass(kw_only=True)
class SplatResult:
    """What the stage computed, JSON-serialisable through `to_json`.

    Attributes:
        psnr, ssim, lpips: means over the test views; None where missing.
        initial_psnr: mean PSNR of the Gaussians before training, on the same views.
        views: per scored test view ``name, psnr, ssim, lpips, initial_psnr``.
        missing: metric, test view or file -> why it is missing.
        aligned_test_views: whether test cameras were optimised before scoring.
        n_gaussians: after training; `n_initial` before.
        n_train: training views used.
        iterations: iterations done; `stopped` says why fewer than asked for.
        seconds: the whole stage; `train_seconds` training only, with that of runs that were taken up.
        init: ``scene`` or the model's name.
        notes: facts worth a line in the report.
        files: what was written, by kind; ``renders`` and ``strips`` in the order of `views`.
        history: logged metrics.
        problems: what could not be read or written, in sentences.
    """

    psnr: float | None
    ssim: float | None
    lpips: float | None
    initial_psnr: float | None
    views: list[dict[str, Any]]
    missing: dict[str, str]
    aligned_test_views: bool
    n_gaussians: int
    n_initial: int
    n_train: int
    iterations: int
    stopped: str | None
    seconds: float
    train_seconds: float
    init: str
    notes: list[str] = field(default_factory=list)
    files: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as text."""
        return asdict(self)
