"""What the sample set provides: its pairs and its scene, generated first where they are not there yet."""

from hw4.config import PairsConfig, SampleConfig
from hw4.data.pairs.indexed import IndexedPairs
from hw4.data.sample.ensure import ensure_sample
from hw4.data.scenes.files import SceneFiles
from hw4.data.scenes.layouts import locate


def sample_pairs(config: SampleConfig) -> IndexedPairs:
    """The pairs of a sample set.

    Raises:
        UserError: it cannot be written.
    """
    root = str(ensure_sample(config))
    return IndexedPairs(
        PairsConfig(root=root, generator=config.generator, gt_convention=config.gt_convention)
    )


def sample_scene(config: SampleConfig) -> SceneFiles:
    """The scene of a sample set.

    Raises:
        UserError: it cannot be written.
    """
    return locate(ensure_sample(config) / "scene", "sparse_3")
