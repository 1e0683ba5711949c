"""Files that a run recorded or left in its cache, found where they lie today."""

from pathlib import Path

from hw4.pose.candidates import CLOUD
from hw4.pose.results import OK, SampleResult
from hw4.records.run import Run


def found_file(recorded: str, run: Run) -> Path | None:
    """A file or folder that a run recorded, relative to where it ran: here, or a folder above the run's."""
    path = Path(recorded).expanduser()
    bases = [Path(), *run.folder.resolve().parents]
    return next((base / path for base in bases if (base / path).exists()), None)


def cloud_file(run: Run, one: SampleResult) -> tuple[Path | None, str]:
    """File of a sample's cloud in the run's cache, and why there is none if it cannot be read."""
    # An older version recorded no name, and had this one.
    name = one.prediction.cloud or f"clouds/{one.sample.idx}.npz"
    if one.selection is not None:
        picked = one.selection.get("picked")
        if picked is None:
            return None, "no candidate has cameras"
        name = picked.get(CLOUD)
        if name is None:
            return (
                None,
                "an older version kept no points of this candidate; cache.reuse=false does",
            )
    recorded = (run.pose.cache_dir if run.pose else None) or ""
    cache = found_file(recorded, run) if recorded else None
    if cache is None:
        return None, f"the run's cache {recorded or 'is not recorded'} is not there (any more)"
    if one.prediction.status != OK and not (cache / name).is_file():
        return (
            None,
            f"the model gave none ({one.reason}), or the run's cache does not hold it (any more)",
        )
    return cache / name, "the run's cache does not hold it (any more)"
