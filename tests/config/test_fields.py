"""A config field alone makes its key checked, addressed, read and reported."""

from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from hw4.config import Config, PairsConfig, SampleConfig, SceneConfig, SplatConfig
from hw4.config.decides import reads, scores_address, splat_address, stage_reads, tells_runs_apart
from hw4.config.fields import Checked, deciding, group, key
from hw4.core.errors import ConfigError
from hw4.models.dust3r.config import Dust3rConfig
from hw4.records.configs import differing_settings, flatten
from hw4.report.statistics.confounds import factors


@dataclass
class Blurred(SplatConfig):
    """One field more than `SplatConfig`; nothing else knows of it."""

    blur: float = key(0.5, low=0, high=1)


def of(**options: Any) -> Config:
    return Config(task="splat", splat=Blurred(**options))


def never(config: Config) -> bool:
    return False


def test_it_is_checked() -> None:
    with pytest.raises(
        ConfigError, match=r"^splat\.blur=2 is impossible: it must be at least 0 and at most 1\.$"
    ):
        Blurred(blur=2)
    with pytest.raises(ConfigError, match=r"^splat\.blur=null is impossible"):
        Blurred(blur=None)  # type: ignore[arg-type]


def test_it_is_addressed() -> None:
    addresses = {splat_address(of(blur=blur), "", [], uses_model=False) for blur in (0.1, 0.2, 0.2)}
    assert len(addresses) == 2
    assert deciding(Blurred())["blur"] == 0.5, "recipes and checkpoints count it"
    assert scores_address(of(blur=0.1), []) == scores_address(of(blur=0.2), [])


def test_it_is_read_by_the_stage_of_its_group() -> None:
    assert reads(of(), "splat.blur", never)
    assert not any(stage_reads(stage, of(), "splat.blur", never) for stage in ("pose", "render", "demo"))


def test_it_is_reported_as_a_difference() -> None:
    configs = [Config(**{**vars(of(blur=blur)), "model": Dust3rConfig()}) for blur in (0.1, 0.2)]
    runs: list[Any] = [
        SimpleNamespace(typed=config, flat=flatten(asdict(config)), option={"task": "splat"}.get)
        for config in configs
    ]
    assert [str(factor) for factor in factors(*runs, "splat")] == ["splat.blur (0.1 → 0.2)"]
    assert differing_settings([asdict(config) for config in configs])[0] == ["splat.blur"]


@dataclass
class Inner(Checked, at="outer.inner"):
    """Fields that say something of their own, or nothing."""

    silent: int = 0
    shown: int = key(1, decides="output")
    word: str = key("a", choices=("alpha", "a"), called="inner")
    text: str | None = key(None, valid=str.isupper, otherwise="must be shouted")


@dataclass
class Outer(Checked, at="outer"):
    """A group that says something of all its keys."""

    inner: Inner = group(Inner, decides="score")


def test_the_innermost_word_counts() -> None:
    assert deciding(Outer(), "score") == {"inner.silent": 0, "inner.word": "a", "inner.text": None}
    assert deciding(Outer(), "output") == {"inner.shown": 1} and deciding(Outer()) == {}


def test_sentences_name_the_key() -> None:
    with pytest.raises(ConfigError, match=r"^inner='alphq' .* one of: alpha, a\. Did you mean 'alpha'\?$"):
        Inner(word="alphq")
    with pytest.raises(ConfigError, match=r"^outer\.inner\.text='low' must be shouted\.$"):
        Inner(text="low")
    with pytest.raises(TypeError, match="lowest"):
        key(0, lowest=1)


def test_files_are_told_by_their_content_and_still_make_runs_differ() -> None:
    """A copied scene finds its results; a report says that two runs had different data."""
    here, there = (Config(data=SceneConfig(root=root)) for root in ("here", "there"))
    assert splat_address(here, "", ["same"], False) == splat_address(there, "", ["same"], False)
    smaller = Config(data=SceneConfig(root="here", resolution=64))
    assert splat_address(here, "", ["same"], False) != splat_address(smaller, "", ["same"], False)
    runs: list[Any] = [
        SimpleNamespace(typed=config, flat=flatten(asdict(config)), option={"task": "splat"}.get)
        for config in (here, there)
    ]
    assert [factor.key for factor in factors(*runs, "splat")] == ["data.root"]


def test_data_sets_are_told_by_their_files_alone() -> None:
    """Whatever a key of another package's data set decides is part of addresses unless it says otherwise."""
    assert deciding(SampleConfig()) == deciding(PairsConfig()) == {}
    assert set(deciding(SceneConfig())) == {
        "layout", "test_every", "train_views", "train_pick", "resolution", "exif", "alpha"
    }  # fmt: skip


def test_a_condition_is_the_fields_own() -> None:
    off, on = Config(), Config(splat=SplatConfig(densify=type(SplatConfig().densify)(strategy="default")))
    assert not stage_reads("splat", off, "splat.densify.every", never)
    assert stage_reads("splat", on, "splat.densify.every", never)
    assert stage_reads("splat", off, "splat.densify", never), "whether to densify is always read"
    assert not stage_reads("render", off, "splat.densify", never)


def test_a_stage_without_its_data_reads_nothing() -> None:
    scene_only, both = Config(data=SceneConfig(root="d")), Config(data=SampleConfig())
    assert not stage_reads("pose", scene_only, "metrics.mode", never)
    assert stage_reads("pose", both, "metrics.mode", never)


@pytest.mark.parametrize(
    ("name", "told"),
    [("wandb.mode", False), ("cache.root", False), ("report.alpha", False), ("name", False),
     ("objective", False), ("task", True), ("splat.lr", True), ("splat.log_every", True), ("gone.key", True)],
)  # fmt: skip
def test_where_a_run_is_kept_tells_nothing_of_it(name: str, told: bool) -> None:
    assert tells_runs_apart(name) is told
