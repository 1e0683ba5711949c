from .config import (
    Config,
    InputConfig,
    MetricsConfig,
    PairsConfig,
    ReportConfig,
    SampleConfig,
    SceneConfig,
    SplatConfig,
)
from .core.errors import UserError
from .data.pairs.samples import PairSample, load_pairs
from .data.scenes.scene import Scene, load_scene
from .models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from .models.registry import build_model, model_config
from .pose.evaluate import evaluate_pose
from .pose.from_model import FromModel
from .pose.results import PoseResult
from .records.run import Run
from .records.runs import load_runs
from .report.document import write_report
from .splat.result import SplatResult
from .splat.stage import run_splat
from .splat.training.listeners import Listeners

__all__ = [
    "Config",
    "FromModel",
    "InputConfig",
    "Listeners",
    "MetricsConfig",
    "PairSample",
    "PairsConfig",
    "PoseResult",
    "Reconstruction",
    "ReconstructionFailed",
    "ReconstructionModel",
    "ReportConfig",
    "Run",
    "SampleConfig",
    "Scene",
    "SceneConfig",
    "SplatConfig",
    "SplatResult",
    "UserError",
    "build_model",
    "evaluate_pose",
    "load_pairs",
    "load_runs",
    "load_scene",
    "model_config",
    "run_splat",
    "write_report",
]

__version__: str
