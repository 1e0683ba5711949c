"""The data sets that there are: this package's, and what other packages offer as `hw4.data`."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from hw4.config import (
    CambridgeConfig,
    Co3dConfig,
    ColmapConfig,
    DataConfig,
    Eth3dConfig,
    NerfstudioConfig,
    PairsConfig,
    PairsListConfig,
    Re10kConfig,
    SampleConfig,
    ScannetConfig,
    SceneConfig,
    SevenScenesConfig,
    SpatialbenchConfig,
    TumConfig,
)
from hw4.config.stages import provides_need
from hw4.core.errors import ConfigError, UserError
from hw4.core.plugins import with_plugins
from hw4.data.spec import DataSpec

if TYPE_CHECKING:
    from hw4.data.pairs.source import PairSource
    from hw4.data.scenes.files import SceneFiles
    from hw4.data.views.scene import SceneViews

GROUP = "hw4.data"
# What a run reads of any data set of posed views: what its scenes say of themselves.
VIEWS_FILES = "hw4.data.views.load:files_of"
# A scene of one, to splat.
VIEWS_SCENE = "hw4.data.views.as_scene:scene"
# What a key's default says that must be given.
MISSING = "???"

OWN = (
    DataSpec(
        "sample",
        SampleConfig,
        # What its files hold follows from its configuration.
        reads=lambda config: (),
        pairs="hw4.data.sample.provided:sample_pairs",
        scene="hw4.data.sample.provided:sample_scene",
        has_points=True,
    ),
    DataSpec(
        "pairs", PairsConfig, "hw4.data.pairs.indexed:files_of", pairs="hw4.data.pairs.indexed:IndexedPairs"
    ),
    DataSpec(
        "scene",
        SceneConfig,
        reads="hw4.data.scenes.layouts:files_of",
        scene="hw4.data.scenes.layouts:locate_config",
        photos="hw4.data.scenes.layouts:photos_of",
        check="hw4.data.scenes.layouts:check_config",
    ),
    DataSpec(
        "pairs_list",
        PairsListConfig,
        "hw4.data.pairs.listed:files_of",
        pairs="hw4.data.pairs.listed:ListedPairs",
    ),
    DataSpec("colmap", ColmapConfig, VIEWS_FILES, views="hw4.data.views.colmap:scenes"),
    DataSpec(
        "nerfstudio",
        NerfstudioConfig,
        VIEWS_FILES,
        views="hw4.data.views.nerfstudio:scenes",
        scene=VIEWS_SCENE,
        has_points=False,
    ),
    DataSpec("tum", TumConfig, VIEWS_FILES, views="hw4.data.views.tum:scenes"),
    DataSpec(
        "7scenes",
        SevenScenesConfig,
        VIEWS_FILES,
        views="hw4.data.views.seven_scenes:scenes",
        scene=VIEWS_SCENE,
        has_points=False,
    ),
    DataSpec("scannet", ScannetConfig, VIEWS_FILES, views="hw4.data.views.scannet:scenes"),
    DataSpec("eth3d", Eth3dConfig, VIEWS_FILES, views="hw4.data.views.eth3d:scenes"),
    DataSpec("co3d", Co3dConfig, VIEWS_FILES, views="hw4.data.views.co3d:scenes"),
    DataSpec("re10k", Re10kConfig, VIEWS_FILES, views="hw4.data.views.re10k:scenes"),
    DataSpec(
        "cambridge",
        CambridgeConfig,
        VIEWS_FILES,
        views="hw4.data.views.cambridge:scenes",
        scene=VIEWS_SCENE,
        has_points=False,
    ),
    DataSpec("spatialbench", SpatialbenchConfig, VIEWS_FILES, views="hw4.data.views.spatialbench:scenes"),
)


@cache
def data_sets() -> dict[str, DataSpec]:
    """Every data set by name: this package's, then those of other packages in alphabetical order.

    Raises:
        UserError: another package's entry cannot be used, or its name is taken.
    """
    return with_plugins(GROUP, {spec.name: spec for spec in OWN}, DataSpec, "data set")


def data_configs() -> dict[str, type[DataConfig]]:
    """The config class of each data set."""
    return {name: spec.config for name, spec in data_sets().items()}


def spec_of(config: DataConfig) -> DataSpec:
    """The data set that a configuration is of.

    Raises:
        ConfigError: there is none.
    """
    spec = data_sets().get(config.name)
    if spec is None or not isinstance(config, spec.config):
        known = ", ".join(data_sets())
        raise ConfigError(f"data={config.name!r} is no data set; choose one of: {known}.")
    return spec


def data_with(what: str) -> str:
    """The data sets that have what a stage needs, as advice: ``data=a or data=b``."""
    found = (name for name, node in data_configs().items() if provides_need(node.provides, what))
    return " or ".join(f"data={name}" for name in found)


def pair_source(config: DataConfig) -> "PairSource":
    """The pairs of a data set; the sample set is generated first where it is not there yet.

    Raises:
        UserError: the data set has no pairs, or they cannot be had.
    """
    spec = spec_of(config)
    if spec.pairs is None:
        raise UserError(f"data={config.name} has no pairs to evaluate; use {data_with('pairs')}.")
    source: PairSource = resolve_name(spec.pairs)(config)
    return source


def scene_files(config: DataConfig) -> "SceneFiles":
    """The files of a data set's scene; the sample set is generated first where it is not there yet.

    Raises:
        UserError: the data set has no scene, or it cannot be had.
    """
    spec = spec_of(config)
    if spec.scene is None:
        raise UserError(f"data={config.name} has no scene to splat; use {data_with('scene')}.")
    files: SceneFiles = resolve_name(spec.scene)(config)
    return files


def readers_of(root: Path) -> list[str]:
    """The data sets that could read a folder given as `data.root`; nothing in it is changed."""
    found = []
    for name, spec in data_sets().items():
        loaders = [loader for loader in (spec.pairs, spec.scene, spec.views) if loader is not None]
        # A data set whose folder is not mandatory makes its own content there.
        if {item.name: item.default for item in fields(spec.config)}.get("root") != MISSING:
            continue
        with suppress(UserError):
            config = spec.config(root=str(root))  # type: ignore[call-arg]
            if [resolve_name(loader)(config) for loader in loaders]:
                found.append(name)
    return found


def scene_views(config: DataConfig) -> "Sequence[SceneViews]":
    """The scenes of posed views of a data set, those of `data.scenes` alone where it names some.

    Raises:
        UserError: the data set has none, or they cannot be read.
    """
    spec = spec_of(config)
    if spec.views is None:
        raise UserError(f"data={config.name} has no posed views; use {data_with('views')}.")
    scenes: Sequence[SceneViews] = resolve_name(spec.views)(config)
    return scenes


def scene_photos(config: DataConfig) -> Path:
    """The folder of a scene's photos.

    Raises:
        UserError: as `scene_files`.
    """
    from hw4.data.photos import photo_folder

    photos = spec_of(config).photos
    return photo_folder(scene_files(config).root) if photos is None else Path(resolve_name(photos)(config))


def files_read(config: DataConfig) -> list[Path]:
    """The data set's folder, then what a run reads of it; see `DataSpec.reads`."""
    reads = spec_of(config).reads
    return list((resolve_name(reads) if isinstance(reads, str) else reads)(config))


def check(config: DataConfig) -> None:
    """Raise ConfigError where a value cannot be used that only the data set itself can judge."""
    judge = spec_of(config).check
    if judge is not None:
        resolve_name(judge)(config)


def exif_of(config: DataConfig) -> str:
    """Whether photos are turned as EXIF says: ``apply``, ``ignore``, or ``auto``, as the cameras say."""
    return getattr(config, "exif", "auto")


def resolution_of(config: DataConfig) -> int | None:
    """The long edge in pixels to which a scene's photos are reduced; None: as they are."""
    return getattr(config, "resolution", None)
