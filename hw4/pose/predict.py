"""A model at work on samples: photos decoded ahead, scenes of a shape in batches, every failure a reason."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hw4.core.cores import usable_cores
from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.views.sample import SampleViews
from hw4.geometry.cameras import four_by_four
from hw4.models.base import (
    BatchedModel,
    NoRoom,
    Reconstruction,
    ReconstructionBroken,
    ReconstructionFailed,
    ReconstructionModel,
    ViewsModel,
)
from hw4.pose.at_once import ALONE, AtOnce
from hw4.pose.clouds import cloud_npz
from hw4.pose.crossfade import diagnose_sequence
from hw4.pose.dense import dense_npz, dense_path
from hw4.pose.results import BAD_INPUT, BROKEN, FAILED, OK, Prediction
from hw4.pose.views import not_placed

if TYPE_CHECKING:
    # torch takes seconds to import, and a model without a network does without.
    from hw4.models.network.views import ModelView

# Samples decoded ahead of the network. Long sequences of large photos take about 50 MB each.
AHEAD = 4

CloudName = Callable[[PairSample], str]


@dataclass
class _Prepared:
    """A sample whose photos are decoded, or the reason why they are not."""

    sample: PairSample
    views: "list[ModelView] | None" = None
    sequence: str | None = None
    error: Exception | None = None
    outcome: Reconstruction | None = None
    seconds: float = 0.0

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...] | None:
        """Of the views as the network sees them; None: this sample cannot go into a batch."""
        if self.views is None or self.error is not None:
            return None
        return tuple(tuple(view.pixels.shape) for view in self.views)


def _prepare(model: ReconstructionModel, sample: PairSample, seed: int) -> _Prepared:
    """Of a thread-safe model this is all that there is to do."""
    prepared = _Prepared(sample)
    try:
        prepared.sequence = diagnose_sequence(sample.image_paths)
        started = time.perf_counter()
        if isinstance(model, ViewsModel):
            prepared.views = model.load_views(sample.image_paths)
        elif model.thread_safe:
            prepared.outcome = model.reconstruct(sample.image_paths, sample.Ks, seed)
        prepared.seconds = time.perf_counter() - started
    except Exception as error:
        prepared.error = error
    return prepared


def _reason(error: Exception) -> tuple[str, str]:
    """Status and reason of a sample that raised."""
    if isinstance(error, ReconstructionBroken):
        return BROKEN, str(error)
    if isinstance(error, ReconstructionFailed):
        return FAILED, str(error)
    if isinstance(error, UserError):
        return BAD_INPUT, str(error)
    return BROKEN, f"{type(error).__name__}: {error}"


def cloud_by_idx(sample: PairSample) -> str:
    """Name of a sample's cloud in its cache folder."""
    return f"clouds/{sample.idx}.npz"


def _prediction(
    prepared: _Prepared,
    outcome: Reconstruction | Exception,
    seconds: float,
    cache_dir: Path | None,
    cloud_name: CloudName,
) -> Prediction:
    idx = prepared.sample.idx
    diagnoses = {"sequence": prepared.sequence} if prepared.sequence else {}
    if isinstance(outcome, Exception):
        status, why = _reason(outcome)
        return Prediction(idx, status, why, seconds=seconds, diagnoses=diagnoses)
    diagnoses |= {str(view): text for view, text in enumerate(outcome.diagnoses) if text}
    cloud = None
    if cache_dir is not None:
        cloud = cloud_name(prepared.sample)
        write_bytes(cache_dir / cloud, cloud_npz(outcome))
        if isinstance(prepared.sample, SampleViews) and prepared.sample.depths is not None:
            write_bytes(dense_path(cache_dir / cloud), dense_npz(outcome))
    if isinstance(prepared.sample, SampleViews):
        return _views_prediction(idx, outcome, seconds, diagnoses, cloud)
    last = outcome.n_views - 1
    lost = [view for view in (0, last) if not outcome.is_valid(view)]
    reason = None
    if lost:
        reason = "; ".join(
            f"view {view} of {last + 1} has no camera ({diagnoses.get(str(view), 'no reason given')})"
            for view in lost
        )
    cameras = None if lost else four_by_four(outcome.cam_from_world[[0, -1]])
    status = FAILED if lost else OK
    return Prediction(idx, status, reason, cameras, seconds, diagnoses, dict(outcome.notes), cloud)


def _views_prediction(
    idx: int, outcome: Reconstruction, seconds: float, diagnoses: dict[str, str], cloud: str | None
) -> Prediction:
    """All views of a sample that has the truth of all; those that were not placed are NaN."""
    placed = sum(map(outcome.is_valid, range(outcome.n_views)))
    cameras = four_by_four(outcome.cam_from_world)
    cameras[~np.isfinite(cameras).all(axis=(1, 2))] = np.nan
    status, reason = OK, None
    if placed < 2:
        status, reason = FAILED, not_placed(cameras, diagnoses)
    Ks = outcome.Ks_original
    return Prediction(
        idx, status, reason, cameras, seconds, diagnoses, dict(outcome.notes), cloud, np.asarray(Ks, float)
    )


def _reconstruct(model: ReconstructionModel, prepared: _Prepared, seed: int) -> Reconstruction | Exception:
    if prepared.error is not None:
        return prepared.error
    if prepared.outcome is not None:
        return prepared.outcome
    sample = prepared.sample
    try:
        if isinstance(model, ViewsModel) and prepared.views is not None:
            return model.reconstruct_views(prepared.views, seed)
        return model.reconstruct(sample.image_paths, sample.Ks, seed)
    except Exception as error:
        return error


def _reconstruct_all(
    model: ReconstructionModel, batch: Sequence[_Prepared], seed: int
) -> tuple[list[Reconstruction | Exception], int | None]:
    """Each sample's outcome, and how many went together where the device had no room for all of them.

    Where the batch as a whole fails, its halves if for want of room, or else one by one, so that only the
    bad ones do.
    """
    if len(batch) > 1 and isinstance(model, BatchedModel):
        half = 0
        try:
            return [*model.reconstruct_batch([prepared.views or [] for prepared in batch])], None
        except NoRoom:
            half = len(batch) // 2
        except Exception:
            pass
        if half:
            first, fits = _reconstruct_all(model, batch[:half], seed)
            second, _ = _reconstruct_all(model, batch[half:], seed)
            return [*first, *second], fits or half
    return [_reconstruct(model, prepared, seed) for prepared in batch], None


@contextlib.contextmanager
def _torch_threads(number: int | None) -> Iterator[None]:
    """So many threads of torch's, where a number is given and the model has imported it."""
    torch = sys.modules.get("torch")
    if torch is None or number is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def predict_samples(
    model: ReconstructionModel,
    samples: Sequence[PairSample],
    seed: int,
    cache_dir: Path | None = None,
    cloud_name: CloudName = cloud_by_idx,
    at_once: AtOnce = ALONE,
) -> Iterator[Prediction]:
    """Run the model on samples, in order; whatever goes wrong with one becomes its prediction's reason.

    While the model computes, a thread decodes the next photos. Scenes of one shape go through a
    `BatchedModel` together; a thread-safe model has several scenes at a time.

    Args:
        model: any model.
        samples: their photos and intrinsics.
        seed: given to the model with each sample.
        cache_dir: where point clouds are written; None: nowhere.
        cloud_name: a cloud's file in it, by default ``clouds/<idx>.npz``.
        at_once: how many scenes of a thread-safe model, and how far batches reach.

    Raises:
        UserError: a point cloud cannot be written (disk).
    """
    coming, most, taken = iter(samples), len(samples), 0
    threads = (at_once.count or usable_cores()) if model.thread_safe else 1
    with ThreadPoolExecutor(threads, "ahead") as decoder:
        ahead: deque[Future[_Prepared]] = deque()

        def top_up() -> None:
            while len(ahead) < AHEAD + threads - 1 and (sample := next(coming, None)) is not None:
                ahead.append(decoder.submit(_prepare, model, sample, seed))

        try:
            top_up()
            while ahead:
                batch = [ahead.popleft().result()]
                top_up()
                shapes, views = batch[0].shapes, batch[0].views
                limit = 1
                if isinstance(model, BatchedModel) and shapes is not None and views is not None:
                    limit = min(most, model.scenes_per_batch(views), at_once.left_of_group(taken))
                while len(batch) < limit and ahead and ahead[0].result().shapes == shapes:
                    batch.append(ahead.popleft().result())
                    top_up()
                taken += len(batch)
                started = time.perf_counter()
                with _torch_threads(at_once.threads):
                    outcomes, fits = _reconstruct_all(model, batch, seed)
                most = fits or most
                share = (time.perf_counter() - started) / len(batch)
                for prepared, outcome in zip(batch, outcomes, strict=True):
                    yield _prediction(prepared, outcome, prepared.seconds + share, cache_dir, cloud_name)
        finally:
            # The caller may stop early: what was not begun is not decoded.
            for future in ahead:
                future.cancel()


def predict_sample(
    model: ReconstructionModel, sample: PairSample, seed: int, cache_dir: Path | None = None
) -> Prediction:
    """`predict_samples` of one sample."""
    return next(predict_samples(model, [sample], seed, cache_dir))
