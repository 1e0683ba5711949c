"""The options of the command line that begin with a dash; Hydra's own, checked before Hydra sees them."""

from collections.abc import Sequence
from pathlib import Path

from hw4.config.fields import nearest
from hw4.core.errors import UserError
from hw4.launch.quoting import quoted

_SWEEP = ("-m", "--multirun")
# Ours: every job of a sweep prints for itself.
_VERBOSE = ("-v", "--verbose")
# The environment variable that says so to jobs in other processes as well.
VERBOSE = "HW4_VERBOSE"
_HELP = ("--help", "-h")
_CFG = ("--cfg", "-c")
_INFO = ("--info", "-i")
VERSION = "--version"
# Options with which Hydra prints something and runs no job.
_PRINTING = (*_HELP, "--hydra-help", VERSION, "--shell-completion", "-sc", *_CFG, *_INFO)
_CHOICES = {
    **dict.fromkeys(_CFG, ("job", "hydra", "all")),
    **dict.fromkeys(_INFO, ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
}
_CONFIG_DIR = ("--config-dir", "-cd")
# Another primary configuration would be read by Hydra alone, and by no check.
_REPLACING = ("--config-path", "-cp", "--config-name", "-cn")
SEARCH_PATH = "hydra.searchpath"
# It unpickles the configuration of an earlier job: a file could run code.
_RERUN = "--experimental-rerun"
_VALUED = ("--package", "-p", *_CONFIG_DIR, *_REPLACING, *_CFG)
_OTHERS = ("--run", "-r", "--resolve")
_ALL = (*_SWEEP, *_VERBOSE, *_PRINTING, *_VALUED, *_OTHERS)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """(flags, overrides); ``experiment=x`` is accepted for Hydra's ``+experiment=x``."""
    overrides = [a for a in arguments if a.startswith("~") or ("=" in a and not a.startswith("-"))]
    flags = [a for a in arguments if a not in overrides]
    return flags, [f"+{o}" if o.startswith("experiment=") else o for o in overrides]


def check(flags: Sequence[str]) -> None:
    """Refuse what Hydra's parser would answer with a page of usage.

    Raises:
        UserError: an unknown option, a missing or unknown value of one, or a bare word.
    """
    words = [word for flag in flags for word in (flag.split("=", 1) if flag.startswith("-") else [flag])]
    before = ""
    for word in [*words, "-"]:
        if before in _VALUED and word.startswith("-"):
            raise UserError(f"{before} needs a value{_listed(before)}.")
        if before in _CHOICES and not word.startswith("-") and word not in _CHOICES[before]:
            raise UserError(f"{before} {word} is not understood{_listed(before)}.")
        if word == "-":
            return
        if word == _RERUN:
            raise UserError(
                f"{_RERUN} is refused: it unpickles a file, which could run code. Give the same command "
                "again; that run's .hydra/overrides.yaml has it."
            )
        if word in _REPLACING:
            raise UserError(
                f"{word} is refused: the configuration's keys are the program's own. Put your settings into "
                "<folder>/experiment/<name>.yaml and give --config-dir <folder> experiment=<name>."
            )
        if word.startswith("-") and word not in _ALL:
            close = nearest(word, _ALL)
            hint = f" Did you mean {close}?" if close else ""
            raise UserError(f"there is no option {word} (see python -m hw4 --help).{hint}")
        if not word.startswith("-") and before not in (*_VALUED, *_INFO):
            raise UserError(f"{word!r} is not understood: give key=value (see python -m hw4 --help).")
        before = word


def with_config_dir(flags: Sequence[str], overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """(flags, overrides) with ``--config-dir`` as an override, which every composition reads, a job's too.

    Raises:
        UserError: the folder does not exist, or the override is given as well.
    """
    kept: list[str] = []
    folder: str | None = None
    words = iter(flags)
    for flag in words:
        name, joined, value = flag.partition("=")
        if name in _CONFIG_DIR:
            folder = value if joined else next(words)
        else:
            kept.append(flag)
    if folder is None:
        return kept, list(overrides)
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise UserError(f"--config-dir {folder} is not a folder.")
    if any(override.lstrip("+~").startswith(f"{SEARCH_PATH}=") for override in overrides):
        raise UserError(f"--config-dir and {SEARCH_PATH} say the same thing: leave one of them out.")
    return kept, [*overrides, f"{SEARCH_PATH}=[{quoted(f'file://{path.resolve()}')}]"]


def _listed(flag: str) -> str:
    return f": {', '.join(_CHOICES[flag])}" if flag in _CHOICES else ""


def asks_for_help(flags: Sequence[str]) -> bool:
    """Whether the flags ask for the program's own help."""
    return any(flag in _HELP for flag in flags)


def without_verbose(flags: Sequence[str]) -> tuple[list[str], bool]:
    """The flags that Hydra knows, and whether every job is to print for itself."""
    kept = [flag for flag in flags if flag not in _VERBOSE]
    return kept, len(kept) < len(flags)


def is_sweep(flags: Sequence[str]) -> bool:
    """Whether the flags ask for a sweep."""
    return any(flag in _SWEEP for flag in flags)


def is_printing(flags: Sequence[str]) -> bool:
    """Whether Hydra only prints something."""
    return any(flag.split("=")[0] in _PRINTING for flag in flags)


def prints_config(flags: Sequence[str]) -> bool:
    """Whether Hydra only prints the configuration."""
    return any(flag.split("=")[0] in _CFG for flag in flags)
