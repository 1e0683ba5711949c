"""Predictions by a model, kept on disk the moment they exist."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path

from hw4.core.durable import exclusive, jsonable
from hw4.core.fingerprint import digest
from hw4.core.stored import SharedLog
from hw4.data.pairs.samples import PairSample
from hw4.data.photos import photo_digests
from hw4.data.views.sample import SampleViews
from hw4.models.base import ReconstructionModel
from hw4.pose.at_once import ALONE, AtOnce
from hw4.pose.predict import CloudName, predict_samples
from hw4.pose.processes import predict_in_processes
from hw4.pose.results import FAILED, OK, Prediction
from hw4.pose.source import Answer, Source

MakeModel = Callable[[], ReconstructionModel]


def inputs_digests(samples: Sequence[PairSample]) -> list[str]:
    """Identifies what a model reads of each sample: the content of its image files, and intrinsics.

    Of the same photos a pair keeps the first and last camera, `SampleViews` all of them.
    """
    contents = photo_digests(path for sample in samples for path in sample.image_paths)
    return [
        digest(
            [[contents[p] for p in s.image_paths], None if s.Ks is None else jsonable(s.Ks)]
            + (["all views"] if isinstance(s, SampleViews) else [])
        )
        for s in samples
    ]


class FromModel(Source):
    """A model run over the samples; a killed evaluation continues where it stopped.

    Every prediction is appended to ``<cache_dir>/predictions.jsonl`` the moment it exists. A later evaluation
    with the same folder takes from there each sample whose files have not changed since; the folder must
    therefore belong to one model configuration and kind of input. Evaluations of one sample set take turns,
    so that nothing is computed twice; those of different ones share the folder and do not wait.

    Args:
        model: the model, or what builds it; called at most once, and only where a prediction is missing.
        cache_dir: this model and input's folder; None: nothing is kept.
        seed: given to the model with each sample.
        reuse: False computes everything again.
        labels: model name and weights label, where they are known without building the model.
        sample_set: identifies where the samples are from; empty: every user of the folder takes turns.
        at_once: how many samples are worked on at a time; its processes make their own models.
    """

    def __init__(
        self,
        model: ReconstructionModel | MakeModel,
        cache_dir: Path | None = None,
        seed: int = 0,
        reuse: bool = True,
        labels: tuple[str, str] | None = None,
        sample_set: str = "",
        at_once: AtOnce = ALONE,
    ) -> None:
        self.cache_dir = cache_dir
        self.seed = seed
        self._lock = f".set-{digest(sample_set)}.lock"
        self._reuse, self._labels, self._at_once = reuse, labels, at_once
        self._model = model if isinstance(model, ReconstructionModel) else None
        self._make_model = None if isinstance(model, ReconstructionModel) else model

    @property
    def model(self) -> ReconstructionModel:
        """The model, built now if it was not yet."""
        if self._model is None:
            assert self._make_model is not None
            self._model = self._make_model()
        return self._model

    @property
    def labels(self) -> tuple[str, str]:
        """See `Source.labels`."""
        return self._labels or (self.model.name, self.model.weights_label)

    def answers(self, samples: Sequence[PairSample]) -> Generator[Answer, None, None]:
        """See `Source.answers`."""
        with closing(self.predictions(samples, self.cache_dir)) as found:
            for sample, (prediction, reused) in zip(samples, found, strict=True):
                yield Answer(sample, prediction, reused)

    def predictions(
        self, samples: Sequence[PairSample], folder: Path | None, cloud_name: CloudName | None = None
    ) -> Generator[tuple[Prediction, bool], None, None]:
        """Each sample's prediction and whether it was there already; the set is locked until the last one.

        Args:
            samples: what to predict, in order.
            folder: holds ``predictions.jsonl`` and the clouds; None: nothing is kept.
            cloud_name: the file of a sample's point cloud in `folder`; None: by its number and files.

        Raises:
            UserError: the model cannot be built, or predictions cannot be written.
        """
        with nullcontext() if folder is None else exclusive(folder, self._lock):
            log = None if folder is None else SharedLog(folder / "predictions.jsonl")
            known = {(r["idx"], r["inputs"]): r for r in log.read()} if log and self._reuse else {}
            keys = list(zip([s.idx for s in samples], inputs_digests(samples), strict=True))
            # Samples of other sets have the same numbers.
            by_files = {idx: f"clouds/{idx}-{inputs[:8]}.npz" for idx, inputs in keys}
            cloud_name = cloud_name or (lambda sample: by_files[sample.idx])
            todo = [s for s, key in zip(samples, keys, strict=True) if key not in known]
            # Closed, so that no process works on for nobody.
            with closing(self._fresh(todo, folder, cloud_name)) as fresh:
                for key in keys:
                    if key in known:
                        yield Prediction.from_json(known[key]), True
                        continue
                    prediction = next(fresh)
                    # What may go well another time is not remembered.
                    if log and prediction.status in (OK, FAILED):
                        log.append({"inputs": key[1], **prediction.to_json()})
                    yield prediction, False

    def _fresh(
        self, todo: Sequence[PairSample], folder: Path | None, cloud_name: CloudName
    ) -> Generator[Prediction, None, None]:
        """The predictions that are missing, in order."""
        if not todo:
            return
        if self._at_once.processes(todo) > 1:
            yield from predict_in_processes(self._at_once, todo, self.seed, folder, cloud_name)
        else:
            yield from predict_samples(self.model, todo, self.seed, folder, cloud_name, self._at_once)
