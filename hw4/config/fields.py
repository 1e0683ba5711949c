"""Checks that config dataclasses use on their own values."""

import difflib
import math
from collections.abc import Sequence

from hw4.core.errors import ConfigError


def nearest(word: str, candidates: Sequence[str]) -> str | None:
    """The candidate closest in spelling to ``word``, or None where nothing is close."""
    found = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def one_of(key: str, value: str, choices: Sequence[str]) -> None:
    """Raise ConfigError unless ``value`` is one of ``choices``."""
    if value in choices:
        return
    close = nearest(str(value), choices)
    hint = f" Did you mean {close!r}?" if close else ""
    raise ConfigError(f"{key}={value!r} is not a choice; choose one of: {', '.join(choices)}.{hint}")


def in_range(
    key: str, value: float | None, low: float = -math.inf, high: float = math.inf, low_open: bool = False
) -> None:
    """Raise ConfigError unless ``value`` is a finite number within [low, high] (or (low, high])."""
    if value is None:
        return
    good = math.isfinite(value) and (value > low if low_open else value >= low) and value <= high
    if good:
        return
    parts = []
    if low > -math.inf:
        parts.append(f"{'more than' if low_open else 'at least'} {low:g}")
    if high < math.inf:
        parts.append(f"at most {high:g}")
    raise ConfigError(f"{key}={value:g} is impossible: it must be {' and '.join(parts) or 'finite'}.")
