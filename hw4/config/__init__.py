"""Typed configuration: one dataclass per config group, each checking its own values.

The dataclasses are plain Python: a notebook builds them directly, Hydra builds them from ``conf/``. A value
that no run could use raises `hw4.core.errors.ConfigError`, which names the key and what would be valid.
"""

from hw4.config.data import DataConfig, PairsConfig, PairsListConfig, SampleConfig, SceneConfig
from hw4.config.input import CandidatesConfig, InputConfig
from hw4.config.interpolate import InterpolateConfig
from hw4.config.model import ModelConfig, NetworkConfig
from hw4.config.root import (
    Config,
    DemoConfig,
    MetricsConfig,
    PretrainConfig,
    ReportConfig,
    ScoreConfig,
    ViewConfig,
    WandbConfig,
)
from hw4.config.splat import DensifyConfig, EvalConfig, InitConfig, RenderConfig, SplatConfig
from hw4.config.views import (
    CambridgeConfig,
    Co3dConfig,
    ColmapConfig,
    Eth3dConfig,
    NerfstudioConfig,
    Re10kConfig,
    ScannetConfig,
    SevenScenesConfig,
    SpatialbenchConfig,
    TestViewsConfig,
    TumConfig,
    ViewsConfig,
)

__all__ = [
    "CambridgeConfig",
    "CandidatesConfig",
    "Co3dConfig",
    "ColmapConfig",
    "Config",
    "DataConfig",
    "DemoConfig",
    "DensifyConfig",
    "Eth3dConfig",
    "EvalConfig",
    "InitConfig",
    "InputConfig",
    "InterpolateConfig",
    "MetricsConfig",
    "ModelConfig",
    "NerfstudioConfig",
    "NetworkConfig",
    "PairsConfig",
    "PairsListConfig",
    "PretrainConfig",
    "Re10kConfig",
    "RenderConfig",
    "ReportConfig",
    "SampleConfig",
    "ScannetConfig",
    "SceneConfig",
    "ScoreConfig",
    "SevenScenesConfig",
    "SpatialbenchConfig",
    "SplatConfig",
    "TestViewsConfig",
    "TumConfig",
    "ViewConfig",
    "ViewsConfig",
    "WandbConfig",
]
