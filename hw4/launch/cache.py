"""What the cache holds, by stage, and its removal by stage and age (``hw4 cache``)."""

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from hw4.config.fields import one_of
from hw4.config.root import CacheConfig
from hw4.core.cache import Entry, entries, remove, sweep
from hw4.core.errors import UserError
from hw4.core.scale import in_units
from hw4.output.tables import Table

SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
ADVICE = "Nothing was removed: add --yes to remove them."


def run_cache(arguments: Sequence[str], console: Console) -> int:
    """List the cache, or clear it; 1 where something that was to go could not be removed.

    Raises:
        UserError: there is no such folder or stage, or an option cannot be understood.
    """
    parser = argparse.ArgumentParser("hw4 cache", description=__doc__)
    usual = CacheConfig().root
    parser.add_argument("--root", type=Path, help=f"cache.root of the runs; default: {usual}")
    parser.add_argument(
        "--stage", action="append", default=[], metavar="NAME", help="only of this stage; may be repeated"
    )
    parser.add_argument("--older", metavar="AGE", help="only what was not used for so long: 12h, 30d, 8w")
    parser.add_argument("--each", action="store_true", help="list every folder of results")
    parser.add_argument("--clear", action="store_true", help="list what would be removed")
    parser.add_argument("--yes", action="store_true", help="with --clear: remove it")
    options = parser.parse_args(arguments)
    if options.yes and not options.clear:
        raise UserError("--yes says that --clear is meant: give both.")
    if options.root is not None and not options.root.is_dir():
        raise UserError(f"--root {options.root} is not a folder.")
    root = options.root or Path(usual)
    found = entries(root)
    for name in options.stage if found else ():
        one_of("--stage", name, sorted({entry.stage for entry in found}))
    age = _seconds(options.older)
    chosen = [
        entry
        for entry in found
        if (not options.stage or entry.stage in options.stage) and time.time() - entry.used >= age
    ]
    table = _each(chosen) if options.each else _by_stage(chosen)
    console.print(table.rich(whole_first=True))
    if not options.clear:
        return 0
    if not options.yes:
        if chosen:
            console.print(ADVICE)
        return 0
    return _clear(root, chosen, console)


def _clear(root: Path, chosen: Sequence[Entry], console: Console) -> int:
    sweep(root)
    removed, kept = 0, list[str]()
    for entry in chosen:
        try:
            if remove(entry):
                removed += 1
            else:
                kept.append(f"{entry.folder}: a process uses it")
        except OSError as error:
            kept.append(f"{entry.folder}: {error.strerror}")
    console.print(f"{removed} of {len(chosen)} removed.", highlight=False)
    for line in kept:
        console.print(f"not removed: {line}", markup=False, highlight=False, soft_wrap=True)
    return int(bool(kept))


def _seconds(age: str | None) -> float:
    if age is None:
        return 0.0
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([hdw])", age)
    if found is None:
        raise UserError(f"--older {age} is not understood: give hours, days or weeks, as in 12h, 30d, 8w.")
    return float(found[1]) * SECONDS[found[2]]


def _by_stage(found: Sequence[Entry]) -> Table:
    rows = []
    for stage in sorted({entry.stage for entry in found}):
        these = [entry for entry in found if entry.stage == stage]
        size = in_units(sum(entry.n_bytes for entry in these))
        rows.append((stage, str(len(these)), size, _ago(these[0]), _ago(these[-1])))
    return Table(_title(found), ("stage", "folders", "size", "longest unused", "last used"), rows)


def _each(found: Sequence[Entry]) -> Table:
    rows = [(str(entry.folder), in_units(entry.n_bytes), _ago(entry)) for entry in found]
    return Table(_title(found), ("folder", "size", "last used"), rows)


def _title(found: Sequence[Entry]) -> str:
    count = "1 folder" if len(found) == 1 else f"{len(found)} folders"
    return f"{count} of results, {in_units(sum(entry.n_bytes for entry in found))}"


def _ago(entry: Entry) -> str:
    hours = max(0.0, time.time() - entry.used) / 3600
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} d ago"
