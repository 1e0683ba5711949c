"""The sample set of a configuration, written first where it is not there yet."""

import glob
import shutil
from pathlib import Path

from hw4.config import SampleConfig
from hw4.core.durable import locked
from hw4.core.errors import UserError
from hw4.data.sample.folder import FINISHED, sample_address, sample_root


def _not_a_sample_set(root: Path) -> str:
    """The sentence for a folder that holds something else: mostly a data set whose `data=` was forgotten."""
    # Here, for it imports the config of every data set, this one's too.
    from hw4.data.registry import readers_of

    others = " or ".join(f"data={name}" for name in readers_of(root))
    advice = f"to read what is there, add {others}" if others else "give an empty or new folder"
    return f"data.root={root} holds something else than the generated data of data=sample: {advice}."


def ensure_sample(config: SampleConfig) -> Path:
    """The sample set's folder, generated first if it is not there yet; safe between processes.

    What a process that was killed or told to end has drawn is kept, and the next one goes on with it.

    Raises:
        UserError: the folder exists but is no finished sample set, or it cannot be written.
    """
    root = sample_root(config)
    if (root / FINISHED).is_file():
        return root
    try:
        with locked(root.parent / f".{root.name}.lock"):
            if (root / FINISHED).is_file():
                return root
            if root.exists() and any(root.iterdir()):
                raise UserError(_not_a_sample_set(root))
            prefix = f".{root.name}.building-"
            building = root.with_name(prefix + sample_address(config))
            for other in root.parent.glob(f"{glob.escape(prefix)}*"):
                if other != building:
                    shutil.rmtree(other, ignore_errors=True)
            building.mkdir(exist_ok=True)
            try:
                # Here, because it compiles its kernels, and most runs find the set there.
                from hw4.data.sample.write import write_sample

                write_sample(building, config)
                if root.exists():
                    root.rmdir()
                building.rename(root)
            except Exception:
                # A full disk, say; a signal is none.
                shutil.rmtree(building, ignore_errors=True)
                raise
    except OSError as error:
        raise UserError(
            f"cannot write the sample data to {root}: {error.strerror}; set data.root."
        ) from error
    return root
