"""Reading back what the program has written itself, perhaps in another version."""

from collections.abc import Sequence
from typing import Any


def require(record: dict[str, Any], keys: Sequence[str]) -> None:
    """Check that a record has what its reader needs.

    Raises:
        ValueError: it lacks some of the keys; the message names them.
    """
    absent = [key for key in keys if key not in record]
    if absent:
        raise ValueError(f"lack {', '.join(absent)}: another version wrote them")
