"""Cameras of test photos that come without any: a model finds them, for scoring only."""

from dataclasses import replace

import numpy as np

from hw4.core.errors import UserError
from hw4.data.photos import by_number, limited_size
from hw4.data.scenes.scene import Scene, TestViews
from hw4.geometry.align import align_cameras
from hw4.geometry.cameras import four_by_four, scaled_K
from hw4.models.base import ReconstructionModel
from hw4.splat.start import Initialisation, reconstruct


def estimated_test_views(
    scene: Scene, init: Initialisation, model: ReconstructionModel, seed: int
) -> tuple[TestViews, dict[str, str]]:
    """The test views of a bare photo folder with cameras, and why others of them have none.

    The model reconstructs all photos together, after training and for scoring only; the result is carried
    into the training world through the training cameras. Photos that cannot be read are left out.

    Raises:
        UserError: the model failed, or it placed fewer than two training views again.
    """
    test, missing = scene.test, dict[str, str]()
    readable = []
    for i, name in enumerate(test.names):
        try:
            test.load(i)
            readable.append(i)
        except UserError as error:
            missing[name] = str(error)
    paths = [*scene.train.paths, *(test.paths[i] for i in readable)]
    order = sorted(range(len(paths)), key=lambda i: by_number(paths[i].name))
    joint = reconstruct(model, [paths[i] for i in order], seed, "all photos together, for the test cameras")
    place = {i: k for k, i in enumerate(order)}
    train_views = [v for v in init.views if joint.is_valid(place[v])]
    if len(train_views) < 2:
        raise UserError(
            f"{model.name} placed {len(train_views)} training views when it reconstructed all photos "
            "together: the test cameras cannot be carried into the world of training."
        )
    placed = []
    for number, i in enumerate(readable):
        k = place[len(scene.train.paths) + number]
        if joint.is_valid(k):
            placed.append((i, k))
        else:
            missing[test.names[i]] = f"{model.name}: {joint.diagnoses[k] or 'no camera'}"
    ids, places = [i for i, _ in placed], [k for _, k in placed]
    cameras = four_by_four(joint.cam_from_world)
    kept = [init.views.index(v) for v in train_views]
    similarity = align_cameras(cameras[[place[v] for v in train_views]], init.cam_from_world[kept])
    sizes = np.array([limited_size(joint.image_sizes[k], test.resolution) for k in places]).reshape(-1, 2)
    views = replace(
        test,
        names=[test.names[i] for i in ids],
        paths=[test.paths[i] for i in ids],
        cam_from_world=similarity.cam_from_world(cameras[places]),
        Ks=scaled_K(joint.Ks_original[places], joint.image_sizes[places], sizes),
        sizes=sizes,
    )
    return views, missing
