"""Where the sample set of a configuration lies, and what of the configuration decides its content."""

from dataclasses import asdict
from pathlib import Path

from hw4.config import SampleConfig
from hw4.core.fingerprint import cache_home, digest

GENERATOR_VERSION = 1
FINISHED = "sample.json"
# Keys that say where the set lies and which of its samples are used.
NOT_CONTENT = ("root", "limit", "sample")


def sample_root(config: SampleConfig) -> Path:
    """Where the set of a config lies: `config.root`, or a cache folder keyed by the config's values."""
    return Path(config.root).expanduser() if config.root else cache_home() / "sample" / sample_address(config)


def sample_address(config: SampleConfig) -> str:
    """A hash of what decides the set's content."""
    values = {k: v for k, v in asdict(config).items() if k not in (*NOT_CONTENT, "gt_convention")}
    return digest([GENERATOR_VERSION, values])
