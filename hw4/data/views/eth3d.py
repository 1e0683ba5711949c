"""ETH3D's high-resolution multi-view scenes (`data=eth3d`): COLMAP text models in metres.

``dslr_calibration_undistorted`` names ``dslr_images_undistorted/<photo>`` below ``images/``;
``dslr_calibration_jpg`` the photos as taken, to which ``ground_truth_depth/dslr_images/<photo>`` belongs:
32-bit floats row by row and nothing else, infinite where nothing was measured. Source: the data set's
"Documentation".
"""

from dataclasses import replace
from pathlib import Path

from hw4.config import Eth3dConfig
from hw4.data.photos import why_no_photo
from hw4.data.scenes.colmap_files import has_colmap
from hw4.data.views.colmap import read_model
from hw4.data.views.depth import RAW, DepthFile
from hw4.data.views.folders import scene_folders
from hw4.data.views.scene import SceneViews

MODELS = {"undistorted": "dslr_calibration_undistorted", "jpg": "dslr_calibration_jpg"}
DEPTH = Path("ground_truth_depth")


def scenes(config: Eth3dConfig) -> list[SceneViews]:
    """Every scene; views in the order of their names. Depth belongs to ``data.photos=jpg`` alone.

    Raises:
        UserError: there is none, or a model or its cameras cannot be read.
    """
    model = MODELS[config.photos]
    found = scene_folders(config, lambda path: has_colmap(path / model), f"{model}/cameras.txt")
    return [_scene(name, path, path / model) for name, path in found.items()]


def _scene(name: str, root: Path, model: Path) -> SceneViews:
    scene = read_model(name, model, root / "images")
    assert scene.sizes is not None
    paths = [root / DEPTH / view for view in scene.names]
    depths = tuple(
        DepthFile(path, 1.0, RAW, size=(int(width), int(height))) if why_no_photo(path) is None else None
        for path, (width, height) in zip(paths, scene.sizes, strict=True)
    )
    return replace(scene, depths=depths) if any(depths) else scene
