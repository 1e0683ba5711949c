"""A model that is another program: started once, asked scene by scene, started again where it ended."""

import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hw4.core.errors import UserError
from hw4.core.npz import read_npz
from hw4.models.base import (
    Reconstruction,
    ReconstructionBroken,
    ReconstructionFailed,
    ReconstructionModel,
)
from hw4.models.external.answer import reconstruction_of
from hw4.models.external.config import ExternalConfig
from hw4.models.external.hello import MAX_REASON, greeted, labels, printable, shown
from hw4.models.external.photos import rgb, upright_file
from hw4.models.external.program import Program, ProgramFailed

LOG = "external.log"
# A program that ends while it starts is not started for ever.
STARTS_IN_VAIN = 3


class ExternalModel(ReconstructionModel):
    """The program of `model.command`.

    A scene at which it ends, hangs or answers nonsense raises `ReconstructionBroken` with its last lines, and
    the next scene finds it started again. It ends with `close`, with this object and with this process.

    Raises:
        UserError: the command cannot be started.
    """

    name = "external"

    def __init__(self, config: ExternalConfig) -> None:
        self._config = config
        told = labels(config)
        self.weights_label, self._fingerprint = told.weights, told.fingerprint
        scratch = tempfile.TemporaryDirectory(prefix="hw4-external-")
        self._scratch = Path(scratch.name)
        self._remove = weakref.finalize(self, scratch.cleanup)
        self._log = self._scratch / LOG
        self._opened = False
        self._program: Program | None = None
        self._requests = self._in_vain = 0

    def open(self, folder: Path | None = None) -> None:
        """Start the program, which may take long; what it writes goes to ``external.log`` in the folder.

        Raises:
            UserError: it ended before its model was loaded, or took too long.
        """
        self._log = self._log if folder is None else folder / LOG
        try:
            self._program = self._started()
            self._opened = True
        except ProgramFailed as error:
            raise UserError(f"model.command={self._config.command}: {error}. See {self._log}.") from error

    def close(self) -> None:
        """End the program."""
        if self._program is not None:
            self._program.close()
            self._program = None
        self._remove()

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        """See `ReconstructionModel.reconstruct`; the program is given `Ks` where they are known."""
        photos = [rgb(path) for path in image_paths]
        if not self._opened:
            self.open()
        program = self._program = self._program or self._again()
        self._requests += 1
        files = [
            upright_file(path, photo, self._scratch / f"{view}.png")
            for view, (path, photo) in enumerate(zip(image_paths, photos, strict=True))
        ]
        npz = self._scratch / "answer.npz"
        npz.unlink(missing_ok=True)
        answered = False
        try:
            program.send(
                {
                    "id": self._requests,
                    "images": [str(path) for path in files],
                    "Ks": _known(Ks, len(photos)),
                    "seed": seed,
                    "npz": str(npz),
                }
            )
            limit = (self._config.timeout, "model.timeout", f"over {len(photos)} photos")
            answer = program.receive(*limit)
            reconstruction = self._read(answer, npz, photos)
            answered = True
            return reconstruction
        except ReconstructionFailed:
            answered = True
            raise
        except ProgramFailed as error:
            raise ReconstructionBroken(str(error)) from error
        finally:
            # Whatever else ended this, its answer may still come, and must not be taken for the next one's.
            if not answered:
                program.kill()
                self._program = None

    def _read(self, answer: dict[str, Any], npz: Path, photos: Sequence[Image.Image]) -> Reconstruction:
        outcome = [key for key in ("npz", "failed", "broken") if key in answer]
        if answer.get("id") != self._requests or len(outcome) != 1:
            raise ProgramFailed(f"the program answered request {self._requests} with {shown(answer)}")
        if "failed" in answer:
            raise ReconstructionFailed(printable(answer["failed"], MAX_REASON))
        if "broken" in answer:
            raise ReconstructionBroken(f"the program says: {printable(answer['broken'], MAX_REASON)}")
        if answer["npz"] != str(npz):
            raise ReconstructionBroken(f"the program answered {shown(answer)}, not the file {npz}")
        try:
            arrays = read_npz(npz)
            found = reconstruction_of(arrays, photos, answer.get("notes"), answer.get("diagnoses"))
            found.diagnoses = [why and printable(why, MAX_REASON) for why in found.diagnoses]
            return found
        except (ValueError, np.linalg.LinAlgError) as error:
            raise ReconstructionBroken(f"the program's answer cannot be used: {error}") from error

    def _again(self) -> Program:
        if self._in_vain >= STARTS_IN_VAIN:
            raise ReconstructionBroken(
                f"the program was started {self._in_vain} times in vain: see {self._log}"
            )
        try:
            program = self._started()
        except ProgramFailed as error:
            self._in_vain += 1
            raise ReconstructionBroken(f"started again, {error}") from error
        self._in_vain = 0
        return program

    def _started(self) -> Program:
        program = Program(self._config.command, self._log, self._scratch)
        try:
            hello = greeted(program, self._config)
            if labels(self._config, hello).fingerprint != self._fingerprint:
                raise ProgramFailed(
                    f"the program is now {hello.name} {hello.version}, which was {self.weights_label}: "
                    "run again"
                )
            ready = program.receive(self._config.start_timeout, "model.start_timeout", "to load its model")
            if ready != {"ready": True}:
                raise ProgramFailed(f'the program said {shown(ready)}, not {{"ready": true}}')
        except BaseException:
            program.kill()
            raise
        return program


def _known(Ks: np.ndarray | None, n: int) -> list[Any] | None:
    """The intrinsics of each photo, null where they are not known."""
    if Ks is None or len(Ks) != n:
        return None
    return [K.tolist() if np.isfinite(K).all() else None for K in np.asarray(Ks, np.float64)]
