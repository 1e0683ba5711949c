"""Samples in processes of their own: the predictions come in order, whatever becomes of a process."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from hw4.core.errors import UserError
from hw4.core.workers import WorkerKilled, Workers
from hw4.data.pairs.samples import PairSample
from hw4.pose.at_once import AtOnce
from hw4.pose.predict import CloudName, predict_samples
from hw4.pose.results import BROKEN, Prediction


class Predictor:
    """What a process does: the predictions of some samples by a model that it has made."""

    def __init__(self, at_once: AtOnce, seed: int, folder: Path | None) -> None:
        assert at_once.make is not None
        make, arguments = at_once.make
        self._model, self._at_once, self._seed, self._folder = make(*arguments), at_once, seed, folder

    def __call__(self, samples: Sequence[PairSample], clouds: Sequence[str]) -> list[Prediction]:
        """Predictions in order; `clouds` are the names of the files of their point clouds."""
        names = {sample.idx: cloud for sample, cloud in zip(samples, clouds, strict=True)}
        found = predict_samples(
            self._model, samples, self._seed, self._folder, lambda sample: names[sample.idx], self._at_once
        )
        return list(found)


def predict_in_processes(
    at_once: AtOnce,
    samples: Sequence[PairSample],
    seed: int,
    folder: Path | None,
    cloud_name: CloudName,
) -> Iterator[Prediction]:
    """As `hw4.pose.predict.predict_samples`, by several processes; the predictions are in order.

    A sample whose process is killed has that for its reason, and the others go on.

    Raises:
        UserError: the model cannot be built, a point cloud cannot be written, or a process ended before it
            began.
    """
    size, count = at_once.group or 1, at_once.processes(samples)
    groups = [samples[start : start + size] for start in range(0, len(samples), size)]
    coming = iter(groups)
    ahead: deque[tuple[Sequence[PairSample], Future[list[Prediction]]]] = deque()
    with Workers(count, Predictor, at_once, seed, folder) as workers:

        def submit(group: Sequence[PairSample]) -> "Future[list[Prediction]]":
            return workers.submit(group, [cloud_name(sample) for sample in group])

        def top_up() -> None:
            # No process waits for the one that has the first of the list.
            while len(ahead) < 4 * count and (group := next(coming, None)) is not None:
                ahead.append((group, submit(group)))

        top_up()
        while ahead:
            group, future = ahead.popleft()
            try:
                found = future.result()
            except WorkerKilled as killed:
                found = _after(killed, group, submit)
            top_up()
            yield from found


def _after(
    killed: WorkerKilled,
    group: Sequence[PairSample],
    submit: "Callable[[Sequence[PairSample]], Future[list[Prediction]]]",
) -> list[Prediction]:
    """Of several samples whose process was killed, those are told that are to blame."""
    if not killed.started:
        raise UserError(
            f"a process that was to work on samples ended before it began ({killed}); use jobs=1."
        ) from killed
    if len(group) == 1:
        reason = (
            f"its process was killed ({killed}); where memory was too little, fewer samples at once "
            "(jobs=1) need less"
        )
        return [Prediction(group[0].idx, BROKEN, reason)]
    found = []
    for sample in group:
        try:
            found += submit([sample]).result()
        except WorkerKilled as again:
            found += _after(again, [sample], submit)
    return found
