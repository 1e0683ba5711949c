"""Which stages a run has, and which part of the configuration each one reads."""

from dataclasses import asdict
from typing import Any

from hw4.config import Config, SceneConfig, SplatConfig
from hw4.config.input import MEDOID
from hw4.config.interpolate import VIDEO
from hw4.config.model import NetworkConfig
from hw4.core.errors import UserError
from hw4.core.fingerprint import digest

POSE, SPLAT, SCORE, RENDER, PRETRAIN = "pose", "splat", "score", "render", "pretrain"
REPORT = "report"
INTERPOLATE = "interpolate"
DEMO, CASE, VIEW = "demo", "case", "view"

# Raised when a change of code changes what a stage computes, so that old cached results are not reused.
CACHE_VERSION = 3

SCENE_KEYS = ("data.layout", "data.test_every", "data.train_views", "data.resolution")
FRAME_KEYS = ("data.generator", "data.frames", "data.interpolated_root")
SAMPLE_KEYS = ("data.limit", "data.sample", "data.gt_convention")


def has_pairs(config: Config) -> bool:
    """Whether the data source has pairs for pose evaluation."""
    return config.data.name in ("sample", "pairs")


def has_scene(config: Config) -> bool:
    """Whether the data source has a scene to splat."""
    return config.data.name in ("sample", "scene")


def selected(config: Config) -> list[str]:
    """The stages that the task selects, in order."""
    return [POSE, SPLAT] if config.task == "all" else [config.task]


def splat_uses_model(config: Config) -> bool:
    """Whether the Gaussians start from the model's reconstruction; `auto`: where a scene has no points."""
    source = config.splat.init.source
    if source != "auto" or not isinstance(config.data, SceneConfig):
        return source == "model"
    from hw4.data.scenes.scene import has_points

    try:
        return not has_points(config.data)
    except UserError:
        # The stage itself says what is wrong with the scene.
        return True


def reads(config: Config, key: str) -> bool:
    """Whether any selected stage of this run reads a config key (`splat.lr`) or group (`model`)."""
    group = key.split(".")[0]
    if group in ("task", "experiment", "hydra", "name"):
        return True
    return any(stage_reads(stage, config, key) for stage in selected(config))


def stage_reads(stage: str, config: Config, key: str) -> bool:
    """Whether one stage of this run reads a config key (`splat.lr`) or group (`model`)."""
    group = key.split(".")[0]
    if stage in (REPORT, VIEW):
        return group == stage
    if key == "model.seed" and getattr(config.model, "weights", None) != "random":
        # Other weights are read, and the other stages' choices have their own seeds.
        return stage == POSE and has_pairs(config) and config.model.seed_decides
    if stage == POSE:
        if not has_pairs(config) or key in SCENE_KEYS:
            return False
        many_views = config.input.name == "interpolated"
        if key.startswith("model.alignment"):
            return many_views
        if key == "input.max_frames":
            return many_views and not config.input.picks
        if key in FRAME_KEYS:
            return many_views or key == "data.frames"
        if key.startswith("input.candidates"):
            return config.input.picks and (key != "input.candidates.bias" or config.input.selection == MEDOID)
        if key == "input.selection":
            return many_views
        return group in ("model", "input", "data", "metrics")
    if stage == SPLAT:
        if not has_scene(config) or key.startswith("splat.render"):
            return False
        if group == "model":
            return splat_uses_model(config)
        if group == "splat":
            return _training_reads(config.splat, key)
        return group == "data" and key not in (*FRAME_KEYS, *SAMPLE_KEYS)
    if stage == SCORE:
        return group in ("score", "data", "metrics") and key not in (*SCENE_KEYS, *FRAME_KEYS, "data.images")
    if stage == INTERPOLATE:
        if group == "interpolate":
            return config.interpolate.method == VIDEO or not key.startswith("interpolate.video")
        unread = ("data.generator", "data.gt", "data.gt_convention")
        return group == "data" and key not in (*SCENE_KEYS, *unread)
    if stage == DEMO:
        # The user's own photos stand in the place of the data's.
        reads_data = config.demo.images is None and key not in ("data.limit", "data.sample", "data.generator")
        return group in ("model", "demo") or (group == "data" and reads_data)
    if stage == CASE:
        if group == "data":
            return key not in (*SCENE_KEYS, "data.limit")
        return group in ("model", "metrics") or key == "input.max_frames"
    if stage == RENDER:
        if group == "data":
            given = config.splat.render.cameras is not None
            return key == "data.resolution" if given else key not in (*FRAME_KEYS, *SAMPLE_KEYS)
        return key == "splat" or key.startswith(("splat.render", "splat.rasterizer", "splat.background"))
    return group == "pretrain" or key in ("model", "model.name", "model.device")


def _training_reads(config: SplatConfig, key: str) -> bool:
    if key.startswith("splat.densify."):
        strategy = config.densify.strategy
        only_default = key in ("splat.densify.grad_threshold", "splat.densify.opacity_reset_every")
        return (
            key == "splat.densify.strategy"
            or strategy == "default"
            or (strategy == "mcmc" and not only_default)
        )
    if key in ("splat.eval.align_iterations", "splat.eval.align_lr"):
        return config.eval.align_test_views
    return True


def pose_address(config: Config, weights_fingerprint: str) -> str:
    """Folder name of the pose stage's cache: a hash of what decides a prediction, besides the photos.

    Metrics, `data.limit` and the ground truth's convention are left out on purpose: predictions do not
    depend on them. Each sample's files are checked separately (`hw4.pose.evaluate.inputs_digest`).
    """
    model: dict[str, Any] = asdict(config.model)
    if isinstance(config.model, NetworkConfig):
        model["weights"] = weights_fingerprint
    if config.input.name == "pair":
        model.pop("alignment", None)
        inputs: dict[str, Any] = {"name": "pair"}
    elif config.input.picks:
        # A candidate is told by its files alone, so that every way of picking shares the predictions.
        inputs = {"name": "candidates"}
    else:
        inputs = {"name": config.input.name, "max_frames": config.input.max_frames}
    return digest({"stage": POSE, "version": CACHE_VERSION, "model": model, "input": inputs})


def pretrain_address(config: Config) -> str:
    """Folder name of a training in the cache: a hash of what decides its weights."""
    recipe = {"model": config.model.name, **config.pretrain.recipe()}
    return digest({"stage": PRETRAIN, "version": CACHE_VERSION, "pretrain": recipe})


def model_address(config: Config, weights_fingerprint: str) -> str:
    """Folder name of a model's cached reconstructions: a hash of its configuration and weights."""
    model = {**asdict(config.model), "weights": weights_fingerprint}
    return digest({"stage": "reconstruction", "version": CACHE_VERSION, "model": model})


def splat_address(config: Config, weights_fingerprint: str, files: Any) -> str:
    """Folder name of the splat stage's cache: a hash of the config part that training reads.

    Args:
        config: the run's configuration.
        weights_fingerprint: of the model's weights, where the Gaussians start from a model.
        files: whatever identifies the scene's training files, JSON-serialisable.
    """
    splat: dict[str, Any] = asdict(config.splat)
    for key in ("render", "eval", "checkpoint_every", "log_every", "render_every", "video_frames"):
        splat.pop(key)
    value: dict[str, Any] = {"stage": SPLAT, "version": CACHE_VERSION, "splat": splat, "files": files}
    unread = (*FRAME_KEYS, *SAMPLE_KEYS)
    value["data"] = {k: v for k, v in asdict(config.data).items() if f"data.{k}" not in unread}
    if splat_uses_model(config):
        value["model"] = {**asdict(config.model), "weights": weights_fingerprint}
    return digest(value)
