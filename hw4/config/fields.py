"""What a config field says about itself: which values are valid, what it decides, and who reads it.

`key` and `group` put that into a dataclass field. `Checked` checks values from it; `hw4.config.decides`
derives cache addresses from it, and which stage reads which key.
"""

import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from hw4.core.errors import ConfigError

Decides = Literal["result", "files", "score", "output", "nothing"]
METADATA = "hw4"
# What every generator that is seeded takes: OpenCV's has 31 bits, numpy's takes nothing below 0.
MAX_SEED = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a field says of its key, or of all keys of the group that it holds.

    Attributes:
        low, high: least and largest number. `low_open`: it must be more than `low`.
        choices: all valid words, or a function that lists them.
        valid: any other check of one value; `otherwise` ends the sentence that begins with ``key=value``.
        called: the name in messages, where people choose the value under another one than the field's.
        decides: how far a change reaches. ``result``: what is computed, so it is part of cache addresses.
            ``files``: which files are read, which addresses tell by their content. ``score``: how results are
            scored. ``output``: what is shown and written of them. ``nothing``: where things are kept, how
            often they are saved, how much is done at once. None: as the group around it says, and ``result``
            where none does.
        stages: those of our own stages that read it; None: every one whose row names the group. A stage of
            another package reads all of a group that its row names.
        read_if: whether a stage of a run reads it, given the whole `Config` and the stage's name.
        replicate: its values are repetitions of one setting (a seed), not settings of their own: tables show
            their mean and spread.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    choices: Sequence[str] | Callable[[], Sequence[str]] | None = None
    valid: Callable[[Any], object] | None = None
    otherwise: str = ""
    called: str | None = None
    decides: Decides | None = None
    stages: tuple[str, ...] | None = None
    read_if: Callable[[Any, str], bool] | None = None
    replicate: bool = False


def key(default: Any, **says: Any) -> Any:
    """A field of a config dataclass with a default that cannot change; `says` are attributes of `Key`."""
    return field(default=default, metadata={METADATA: Key(**says)})


def group(factory: Callable[[], Any], **says: Any) -> Any:
    """A field that holds another config dataclass; what it says holds for all keys below it. See `key`."""
    return field(default_factory=factory, metadata={METADATA: Key(**says)})


class Checked:
    """Base of every config dataclass: checks each value by what its field says.

    A subclass tells where its keys stand: ``class DensifyConfig(Checked, at="splat.densify")``. It has a
    `__post_init__` of its own only for what relates several keys.

    Raises:
        ConfigError: on construction; it names the dotted key and what would be valid.
    """

    AT: ClassVar[str] = ""

    def __init_subclass__(cls, at: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if at is not None:
            cls.AT = at

    def __post_init__(self) -> None:
        node: type = type(self)
        for name, (known, optional) in known_fields(node).items():
            dotted = known.called or (f"{self.AT}.{name}" if self.AT else name)
            _check(dotted, getattr(self, name), known, optional)


@cache
def known_fields(node: Any) -> dict[str, tuple[Key, bool]]:
    """What the fields of a config dataclass say, by name, and whether null is allowed."""
    hints = get_type_hints(node)
    return {
        item.name: (item.metadata.get(METADATA, Key()), type(None) in get_args(hints[item.name]))
        for item in fields(node)
    }


@dataclass(frozen=True)
class Leaf:
    """One key of a configuration: its dotted name, its value, and what it and the groups around it say."""

    key: str
    value: Any
    known: tuple[Key, ...]

    @property
    def decides(self) -> Decides:
        """How far a change of the value reaches; the innermost word counts."""
        return next((known.decides for known in reversed(self.known) if known.decides), "result")

    @property
    def is_replicate(self) -> bool:
        """Whether its values repeat one setting."""
        return any(known.replicate for known in self.known)


def leaves(node: Checked, prefix: str = "", around: tuple[Key, ...] = ()) -> Iterator[Leaf]:
    """All keys of a configuration or of a part of it, in order; `prefix` begins their names."""
    kind: type = type(node)
    for name, (known, _) in known_fields(kind).items():
        value, path = getattr(node, name), (*around, known)
        if isinstance(value, Checked):
            yield from leaves(value, f"{prefix}{name}.", path)
        else:
            yield Leaf(f"{prefix}{name}", value, path)


def deciding(node: Checked, decides: Decides = "result") -> dict[str, Any]:
    """The values of a part of a configuration that decide so much, by dotted name within the part."""
    return {leaf.key: leaf.value for leaf in leaves(node) if leaf.decides == decides}


def nearest(word: str, candidates: Sequence[str]) -> str | None:
    """The candidate closest in spelling to ``word``, or None where nothing is close."""
    found = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise ConfigError unless ``value`` is one of ``choices``."""
    if value in choices:
        return
    close = nearest(str(value), choices)
    hint = f" Did you mean {close!r}?" if close else ""
    raise ConfigError(f"{name}={value!r} is not a choice; choose one of: {', '.join(choices)}.{hint}")


def _check(name: str, value: Any, known: Key, optional: bool) -> None:
    """Raise ConfigError unless a key may have this value."""
    if value is None:
        if not optional:
            raise ConfigError(f"{name}=null is impossible: it must have a value.")
        return
    if known.choices is not None:
        one_of(name, value, known.choices if isinstance(known.choices, Sequence) else known.choices())
    if known.valid is not None and not known.valid(value):
        raise ConfigError(f"{name}={value!r} {known.otherwise}.")
    if isinstance(value, float) or (known.low, known.high) != (-math.inf, math.inf):
        _check_range(name, value, known)


def _check_range(name: str, value: float, known: Key) -> None:
    above = value > known.low if known.low_open else value >= known.low
    # An integer is finite, and may have more digits than a float can hold.
    if (isinstance(value, int) or math.isfinite(value)) and above and value <= known.high:
        return
    parts = []
    if known.low > -math.inf:
        parts.append(f"{'more than' if known.low_open else 'at least'} {known.low:g}")
    if known.high < math.inf:
        parts.append(f"at most {known.high:g}")
    said = f"{value:g}" if isinstance(value, float) else _shortened(value)
    raise ConfigError(f"{name}={said} is impossible: it must be {' and '.join(parts) or 'finite'}.")


def _shortened(value: int) -> str:
    return str(value) if abs(value) < 10**18 else f"a number of {len(str(value))} digits"
