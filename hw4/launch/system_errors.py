"""Errors of the machine in one sentence: no room, no memory, no home. Any library may raise them anywhere."""

import errno
import re
import resource

from hw4.core.errors import UserError, causes
from hw4.core.extras import missing_package

_INTERNAL = "internal error: "
_DISK = (errno.ENOSPC, errno.EDQUOT)
_DISK_WORDS = ("No space left on device", "disk is full", "Disk quota exceeded")
# Of torch's allocators, of the loader of shared libraries, and of Python where the system gives no thread.
_MEMORY_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "Cannot allocate memory",
    "failed to map segment from shared object",
    "can't start new thread",
)
MEMORY = (
    "there is too little memory here for this. Give it less (fewer photos, views or jobs at once, a smaller "
    "data.resolution) or raise the limit, then run the same command again: finished work is kept."
)

RAY = (
    "is it running, is hydra.launcher.ray.init.address its? Where it was started with token authentication, "
    "set RAY_AUTH_MODE=token, with its token in ~/.ray/auth_token or RAY_AUTH_TOKEN."
)


def message_of(error: BaseException) -> str:
    """What is told of an error: the person's sentence, the machine's, or that it is internal."""
    if isinstance(error, UserError):
        return str(error)
    return system_sentence(error) or f"{_INTERNAL}{type(error).__name__}: {error}"


def is_internal(message: str) -> bool:
    """Whether a message tells of a fault of the program's own."""
    return message.startswith(_INTERNAL)


def system_sentence(error: BaseException) -> str | None:
    """The sentence for an error of the machine, anywhere in the chain of causes; None: it is none."""
    return next(filter(None, map(_sentence, causes(error, implied=True))), None)


def _is_limited() -> bool:
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _sentence(error: BaseException) -> str | None:
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    where = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
    if number in _DISK or any(words in text for words in _DISK_WORDS):
        return (
            f"cannot write{where}: No space left on device. Free some space, then run the same command "
            "again: finished work is kept."
        )
    if number == errno.ENOMEM or isinstance(error, MemoryError) or any(w in text for w in _MEMORY_WORDS):
        return MEMORY
    if isinstance(error, ModuleNotFoundError) and error.name:
        return missing_package(error.name.split(".")[0])
    # Libraries hide why they did not load; under a limit of memory it is that.
    if isinstance(error, ImportError | OSError) and "shared object" in text and _is_limited():
        return MEMORY
    if number == errno.ENAMETOOLONG:
        return f"a name is too long for the file system:{where[:60]}...; give a shorter one."
    if number in (errno.EMFILE, errno.ENFILE):
        return f"too many files are open{where}; raise the limit (ulimit -n)."
    if isinstance(error, RuntimeError) and "home directory" in text:
        return "a path begins with ~, and that user has no home folder here: write the path whole."
    # What submitit raises within a job; it is imported only where it is used.
    if type(error).__name__ == "UncompletedJobError" and "timed-out" in text:
        return (
            "the job met its time limit (hydra.launcher.timeout_min) oftener than it may be continued "
            "(hydra.launcher.max_num_timeout); the same command goes on with it."
        )
    if isinstance(error, ConnectionError) and re.search(r"\bRay (cluster|instance)\b", text):
        return f"{text.split('. ')[0].rstrip('.')}: {RAY}"
    if type(error).__module__ == "ray.exceptions" and "authentication" in text.lower():
        return f"the cluster of Ray's refuses this token, or there is none: {RAY}"
    if isinstance(error, RecursionError):
        return "a file of the input, or a value, is nested too deeply to be read."
    return None
