"""Where training starts and what is scored in the end: a model may have to find cameras for both."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hw4.config import SplatConfig
from hw4.core.errors import UserError
from hw4.data.image_names import by_number
from hw4.data.scenes.scene import Scene, TestViews, limited_size
from hw4.geometry.align import align_cameras
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.splat.init import (
    MORE_OVERLAP,
    Initialisation,
    four_by_four,
    from_reconstruction,
    from_scene,
    resized_Ks,
)

GetModel = Callable[[], ReconstructionModel]


def _reconstruct(model: ReconstructionModel, paths: list[Path], seed: int, what: str) -> Reconstruction:
    try:
        return model.reconstruct(paths, seed=seed)
    except ReconstructionFailed as error:
        raise UserError(f"{model.name} could not reconstruct {what}: {error}. {MORE_OVERLAP}") from error


def initialise(
    scene: Scene, config: SplatConfig, get_model: GetModel | None
) -> tuple[Initialisation, ReconstructionModel | None]:
    """First Gaussians and cameras by `splat.init.source`, and the model where one was used.

    The model sees the training photos only.

    Raises:
        UserError: the scene lacks what the source needs, or the model failed.
    """
    has_points = scene.train.points is not None and len(scene.train.points) > 0
    has_cameras = scene.train.cam_from_world is not None
    source = config.init.source
    if source == "auto":
        source = "scene" if has_points and has_cameras else "model"
    if source == "scene":
        return from_scene(scene.train, config, scene.root), None
    if get_model is None:
        raise UserError(f"{scene.root} has no points or cameras to start from: choose a model (model=...).")
    model = get_model()
    what = f"the {len(scene.train.paths)} training photos"
    reconstruction = _reconstruct(model, scene.train.paths, config.seed, what)
    return from_reconstruction(scene.train, reconstruction, config, model.name), model


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
    joint = _reconstruct(model, [paths[i] for i in order], seed, "all photos together, for the test cameras")
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
    sizes = [limited_size(joint.image_sizes[k], test.resolution) for k in places]
    views = replace(
        test,
        names=[test.names[i] for i in ids],
        paths=[test.paths[i] for i in ids],
        cam_from_world=similarity.cam_from_world(cameras[places]),
        Ks=resized_Ks(joint, places, sizes) if places else np.zeros((0, 3, 3)),
        sizes=np.array(sizes).reshape(-1, 2),
    )
    return views, missing
