"""Formats of files, harmed at random: what is read of them is right or one sentence."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hw4.core.errors import UserError
from tests.support.bounded import in_time, run_bounded
from tests.support.mutations import Mutate

ASKED = os.environ.get("HW4_FUZZ")
EXAMPLES = int(ASKED or 40)
# Seconds for one file, and GB beyond what the process has.
PATIENCE, MEMORY = 20, 1.0


@dataclass(frozen=True)
class Format:
    """Files that belong together.

    Attributes:
        write: makes them, valid, in a folder.
        harm: files of which one is damaged in each example, and how.
        read: what the program does with them; it checks the result, and raises what a person is told.
        said: what `read` may raise.
    """

    write: Callable[[Path], object]
    harm: dict[str, Mutate]
    read: Callable[[Path], None]
    said: tuple[type[Exception], ...] = (UserError,)


def are_cameras(cam_from_world: np.ndarray) -> bool:
    rotation = cam_from_world[..., :3, :3]
    unit = np.allclose(rotation @ np.swapaxes(rotation, -1, -2), np.eye(3), atol=1e-5)
    return bool(unit and (np.linalg.det(rotation) > 0).all())


def harm_and_read(kind: Format, tmp_path: Path) -> None:
    """Read a format's files, each time with one of them damaged, in bounded time and memory."""
    folder, last = tmp_path / "files", tmp_path / "last"
    folder.mkdir()
    last.mkdir()
    kind.write(folder)
    kind.read(folder)
    valid = {file: (folder / file).read_bytes() for file in kind.harm}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=ASKED is None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if ASKED else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(sorted(valid)), st.randoms(use_true_random=False))
    def one_by_one(file: str, rng: random.Random) -> None:
        content = kind.harm[file](rng, valid[file])
        in_time(PATIENCE)
        (folder / file).write_bytes(content)
        (last / Path(file).name).write_bytes(content)
        try:
            kind.read(folder)
        except kind.said as error:
            assert isinstance(error, MemoryError) or str(error)
            assert "\n" not in str(error).strip() and len(str(error)) < 1500, str(error)
        except Exception as error:
            raise AssertionError(f"{file} of {content[:3000]!r}") from error
        finally:
            (folder / file).write_bytes(valid[file])
            (last / Path(file).name).unlink()

    run_bounded(one_by_one, PATIENCE, MEMORY, last)
