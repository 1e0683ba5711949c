"""Which samples are not independent of each other: those that share a scene or a picture."""

from collections.abc import Collection, Hashable, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hw4.core.fingerprint import digest
from hw4.data.pairs.repeats import pictures
from hw4.data.pairs.samples import PairSample
from hw4.data.views.sample import SampleViews

LABEL_DIGITS = 16


def connected(keys: Sequence[Collection[Hashable]]) -> list[int]:
    """The number of each item's group, where items that have a key in common are in the same one."""
    if not keys:
        return []
    numbers: dict[Hashable, int] = {}
    links = [(row, numbers.setdefault(key, len(numbers))) for row, own in enumerate(keys) for key in own]
    rows, columns = np.array(links, dtype=int).reshape(-1, 2).T
    n = len(keys)
    graph = coo_matrix((np.ones(len(links)), (rows, n + columns)), shape=(n + len(numbers),) * 2)
    return [int(group) for group in connected_components(graph, directed=False)[1][:n]]


def labelled(keys: Sequence[Collection[str]]) -> list[str]:
    """A label for each item, equal in one group of `connected`: that of the group's least key."""
    groups = connected(keys)
    least: dict[int, str] = {}
    for group, own in zip(groups, keys, strict=True):
        least[group] = min([*own, *([least[group]] if group in least else [])])
    return [digest(least[group])[:LABEL_DIGITS] for group in groups]


def clusters(samples: Sequence[PairSample]) -> list[str]:
    """A label for each sample; equal ones share a scene or a picture, directly or through other samples.

    Pictures are told by the content of their files, so that the label of a sample is the same wherever its
    files lie.
    """
    shown = pictures(samples)
    keys: list[Collection[str]] = [
        [f"scene {sample.scene}"] if isinstance(sample, SampleViews) and sample.scene else of
        for sample, of in zip(samples, shown, strict=True)
    ]
    return labelled(keys)
