"""What stands more than once among pairs: the same picture, the same pair."""

from collections.abc import Sequence
from pathlib import Path

from hw4.core.fingerprint import file_digests
from hw4.data.pairs.samples import PairSample

SOME = 6


def repeats(samples: Sequence[PairSample]) -> list[str]:
    """One remark per kind of repetition, with its number and the first case; empty where there is none.

    Pictures are the same if their files have the same content, under whatever names; of a photo that cannot
    be read, the path counts. The order of a pair's photos does not.
    """
    photos = [(sample.idx, (sample.image_paths[0], sample.image_paths[-1])) for sample in samples]
    contents = pictures(samples)
    # The first file of each picture stands for it.
    first_of: dict[str, Path] = {}
    picture: dict[Path, Path] = {}
    for (_, paths), of in zip(photos, contents, strict=True):
        picture |= {path: first_of.setdefault(content, path) for path, content in zip(paths, of, strict=True)}
    # By its one or two pictures: the numbers of the samples that are this pair.
    pairs: dict[frozenset[Path], list[int]] = {}
    for idx, paths in photos:
        pairs.setdefault(frozenset(picture[path] for path in paths), []).append(idx)
    return [*_repeated_pairs(pairs), *_pairs_of_one(pairs), *_shared_pictures(pairs)]


def pictures(samples: Sequence[PairSample]) -> list[tuple[str, str]]:
    """What each sample's two photos show: the digest of the file, or its path where it cannot be read."""
    photos = [(sample.image_paths[0], sample.image_paths[-1]) for sample in samples]
    digests = file_digests(path for pair in photos for path in pair)
    return [(digests[first] or str(first), digests[last] or str(last)) for first, last in photos]


def _repeated_pairs(pairs: dict[frozenset[Path], list[int]]) -> list[str]:
    again = [numbers for numbers in pairs.values() if len(numbers) > 1]
    if not again:
        return []
    more = sum(len(numbers) - 1 for numbers in again)
    what = "sample is a pair that was" if more == 1 else "samples are pairs that were"
    return [
        f"{more} {what} there before (the same pictures in idx {_some(again[0])}): each counts again in "
        "means, and is no further evidence in intervals and tests"
    ]


def _pairs_of_one(pairs: dict[frozenset[Path], list[int]]) -> list[str]:
    found = [idx for pictures, numbers in pairs.items() if len(pictures) == 1 for idx in numbers]
    if not found:
        return []
    what = "sample" if len(found) == 1 else "samples"
    return [f"both photos are the same picture in {len(found)} {what} (idx {_some(found)})"]


def _shared_pictures(pairs: dict[frozenset[Path], list[int]]) -> list[str]:
    """Pictures of several different pairs: a repeated pair is not meant."""
    numbers_with: dict[Path, list[int]] = {}
    for pictures, numbers in pairs.items():
        for picture in pictures:
            numbers_with.setdefault(picture, []).append(numbers[0])
    shared = {picture: numbers for picture, numbers in numbers_with.items() if len(numbers) > 1}
    if not shared:
        return []
    picture, numbers = next(iter(sorted(shared.items(), key=lambda item: (item[1], item[0].name))))
    concerned = {idx for some in shared.values() for idx in some}
    what = "picture is" if len(shared) == 1 else "pictures are"
    return [
        f"{len(shared)} {what} in several pairs ({picture.name} in idx {_some(numbers)}), {len(concerned)} "
        f"of {len(pairs)} pairs have such: intervals and tests take pairs so connected as one"
    ]


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:SOME])) + (", ..." if len(numbers) > SOME else "")
