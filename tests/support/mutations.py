"""Valid files made invalid, each in ways that its kind of file suffers in life or by malice."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

Mutate = Callable[[random.Random, bytes], bytes]

# Counts, sizes and offsets that no file can have, and floats that are none.
NUMBERS = tuple(
    struct.pack(layout, value)
    for layout, values in {
        "<Q": (2**60, 2**63 - 1, 2**64 - 1, 2**32, 0),
        "<I": (2**31 - 1, 2**32 - 1, 2**24, 0),
        ">I": (2**31 - 1, 2**32 - 1, 2**16),
        "<H": (2**16 - 1, 0),
        "<d": (float("nan"), float("inf"), 1e308, -1e308, 5e-324),
        "<f": (float("nan"), float("-inf"), 3e38),
    }.items()
    for value in values
)
TOKENS = (
    *("nan", "-inf", "1e308", "-1e308", "1e-320", "1e400", "-1", "0", "1", "-0", "1_0", "0x10", "1,5"),
    *("9" * 400, str(2**63), "12345678901", "x", "é", "\x00", "\ufeff", "٣", "²", "a" * 300),
    *("../../x.png", "/x.png", "~", "'", '"', "[", "#", "---", "\t", "\n", "\r", "\x0b", "\x1c", "\u2028"),
)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


# In the place of a part of JSON or of a pickled dict.
VALUES = (
    *(None, True, "", "x", "nan", [], {}, [1, 2], [[1]], {"K": 1}, -1, 0, 1e308, -1e-320, 2**70, 10**400),
    *(float("nan"), float("inf"), "9" * 400, _deep(80), "\ud800"),
)


def damaged_bytes(rng: random.Random, content: bytes) -> bytes:
    """Some flipped bits, cuts, holes, repeated parts or impossible numbers."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        # Headers are short and come first; they decide more than what follows.
        at = rng.randint(0, min(len(data), 200 if rng.random() < 0.5 else len(data)))
        how = rng.randint(0, 6)
        if how == 0 and at < len(data):
            data[at] ^= 1 << rng.randint(0, 7)
        elif how == 1:
            del data[at:]
        elif how == 2:
            del data[at : at + rng.randint(1, 16)]
        elif how == 3:
            data[at:at] = data[at : at + rng.randint(1, 64)]
        elif how == 4:
            data[at:at] = bytes(rng.randint(0, 255) for _ in range(rng.randint(1, 8)))
        else:
            number = NUMBERS[rng.randint(0, len(NUMBERS) - 1)]
            data[at : at + len(number)] = number
    return bytes(data)


def damaged_text(rng: random.Random, content: bytes) -> bytes:
    """Some words replaced, lines lost, doubled or exchanged; now and then other bytes."""
    if rng.random() < 0.2:
        return damaged_bytes(rng, content)
    lines = content.decode().split("\n")
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, other = rng.randint(0, len(lines) - 1), rng.randint(0, len(lines) - 1)
        how = rng.randint(0, 6)
        if how == 0 and len(lines) > 1:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[other])
        elif how == 2:
            lines[at], lines[other] = lines[other], lines[at]
        else:
            words = lines[at].split(" ")
            place = rng.randint(0, len(words) - 1)
            token = TOKENS[rng.randint(0, len(TOKENS) - 1)]
            words[place : place + rng.randint(0, 1)] = [token]
            lines[at] = " ".join(words)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def damaged_value(rng: random.Random, value: Any) -> Any:
    """A copy of nested dicts and lists with one part replaced, dropped or renamed."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        keys = list(value)
        key = keys[rng.randint(0, len(keys) - 1)]
        how = rng.random()
        if how < 0.1:
            return {name: item for name, item in value.items() if name != key}
        if how < 0.2:
            other = TOKENS[rng.randint(0, len(TOKENS) - 1)]
            return {other if name == key else name: item for name, item in value.items()}
        return {**value, key: damaged_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randint(0, len(value) - 1)
        if rng.random() < 0.2:
            return value[:at] + value[at + 1 :]
        return [damaged_value(rng, item) if place == at else item for place, item in enumerate(value)]
    return VALUES[rng.randint(0, len(VALUES) - 1)]


def damaged_json(rng: random.Random, content: bytes) -> bytes:
    """Some parts of another kind, size or depth; now and then text that is no JSON."""
    if rng.random() < 0.2:
        return damaged_text(rng, content)
    value = json.loads(content)
    for _ in range(rng.randint(1, 2)):
        value = damaged_value(rng, value)
    # Deeper than Python's own writer goes.
    deep = b"[" * 50_000 if rng.random() < 0.03 else b""
    return deep + json.dumps(value).encode()
