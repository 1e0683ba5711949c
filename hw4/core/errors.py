"""The one exception type whose message is meant for the person at the terminal, and the causes of any."""

from collections.abc import Iterator

# Letters of another library's words within a sentence.
LONGEST = 200


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do.

    The entrypoint prints the message alone and exits with status 1; a traceback follows only under
    ``HYDRA_FULL_ERROR=1``.
    """


class ConfigError(UserError):
    """A configuration value that is impossible or a key that does not exist; the message names the key."""


def causes(error: BaseException, implied: bool = False) -> Iterator[BaseException]:
    """An error, then what it was raised from, the innermost last.

    Args:
        error: a library may have raised it from itself, or in a circle: each is told once.
        implied: whether what was being handled is a cause too, where none was named.
    """
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        context = current.__context__ if implied and not current.__suppress_context__ else None
        current = current.__cause__ or context


def brief(error: BaseException) -> str:
    """The first line of an error's words, or its kind; cut and printable: it may quote a whole file."""
    words = (isinstance(error, OSError) and error.strerror) or str(error)
    lines = words.strip().splitlines()
    text = "".join(letter if letter.isprintable() else "?" for letter in lines[0]) if lines else ""
    if not text:
        return type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
