"""One view in the viewer's scene: its points, cameras and splats, in the frame of its first camera."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hw4.core.errors import UserError
from hw4.data.orientation import read_with_cameras
from hw4.data.photos import load_image
from hw4.geometry.cameras import as_world_of_first, camera_centers, frustum_depth, moved
from hw4.output.reconstruction import camera_color
from hw4.show.viewer.arrays import SplatArrays, quat_wxyz, read_splats, standing_at, vertical_fov
from hw4.show.viewer.subject import ShownCamera, View3D

TRUE_COLOR = (20, 20, 20)
TRUE_SCALE = 1.15
PHOTO_EDGE = 320
# Of what lies far out, a few points say nothing of how much room a view takes.
FAR_OUT = 0.02
# Of a view's height.
NAME_ABOVE = 0.2


class Drawing:
    """A view, drawn below one node of a viser scene.

    Args:
        scene: viser's.
        root: the node's name.
        view: what is drawn; its splats are read here.
        splats: Gaussians that are in memory, in the place of the view's.

    Raises:
        UserError: the splats' file is none.

    Attributes:
        cameras: all of the view's, the predicted ones first.
        size: by which cameras and points are drawn, in the view's units.
        scale: from the view's units to the viewer's.
        shift: (3,) of the first camera, in the viewer's units.
    """

    def __init__(self, scene: Any, root: str, view: View3D, splats: SplatArrays | None = None) -> None:
        self._scene, self._root, self.view = scene, root, view
        self.splats = splats if view.splats is None else read_splats(view.splats)
        self.cameras = [*view.cameras, *view.truth]
        stacked = np.array([camera.cam_from_world for camera in self.cameras]).reshape(-1, 3, 4)
        self._to_first = as_world_of_first(stacked)
        # Taken off whatever is drawn: the browser computes in 32 bits, which hold no places far from here.
        self._origin = -self._to_first[:3, :3].T @ self._to_first[:3, 3]
        centers = np.zeros((0, 3)) if self.splats is None else self.splats.centers
        self._solid = view.points if len(view.points) else centers
        self._places = np.concatenate([view.points, centers, camera_centers(stacked)])
        self.size = frustum_depth(self._solid, stacked) if len(self._places) else 1.0
        self.scale, self.shift = 1.0, np.zeros(3)
        self._nodes: list[Any] = []
        self._predicted: list[Any] = []
        self._true: list[Any] = []
        self._gaussians: Any = None

    def bounds(self) -> np.ndarray:
        """(2, 3) between which it stands in the viewer, but for a few points far out."""
        if not len(self._places):
            return np.tile(self.shift, (2, 1))
        low_high = np.quantile(moved(self._places, self._to_first), (FAR_OUT, 1 - FAR_OUT), axis=0)
        return low_high * self.scale + self.shift

    def target(self) -> np.ndarray:
        """(3,) what to look at, in the viewer."""
        target = np.array([0.0, 0.0, 5 * self.size])
        if len(self._solid):
            target = np.median(moved(self._solid, self._to_first), axis=0)
        return target * self.scale + self.shift

    def place(self, name: str = "") -> None:
        """Add the node at `shift`, and above it a name."""
        wxyz = quat_wxyz(self._to_first[:3, :3])
        frame = self._scene.add_frame(self._root, show_axes=False, wxyz=wxyz, position=self.shift)
        self._nodes = [frame]
        if name:
            low, high = self.bounds()
            above = self.target()
            # y points down.
            above[1] = low[1] - NAME_ABOVE * (high[1] - low[1])
            self._nodes.append(self._scene.add_label(f"{self._root}_name", name, position=above))

    def show(self, visible: bool) -> None:
        """Show or hide all of it."""
        for node in self._nodes:
            node.visible = visible

    def standing_at(self, camera: ShownCamera) -> tuple[np.ndarray, np.ndarray, float]:
        """Orientation (wxyz), position and field of view of whoever looks through a camera of the view."""
        wxyz, position, fov = standing_at(camera, self._to_first, self._origin)
        return wxyz, position * self.scale + self.shift, fov

    def draw_points(self, hidden_percent: float, dot: float, visible: bool) -> None:
        """The points but for the least sure ones; `dot` multiplies their size."""
        view = self.view
        keep = len(view.points)
        if view.conf is not None:
            keep = int(np.ceil(keep * (100 - hidden_percent) / 100))
        self._scene.add_point_cloud(
            f"{self._root}/points",
            np.asarray(self._drawn(view.points[:keep]), np.float32),
            view.colors[:keep],
            point_size=0.03 * self.size * self.scale * dot,
            point_shape="circle",
            precision="float32",
            visible=visible and keep > 0,
        )

    def draw_cameras(self, photos: bool) -> None:
        """All cameras, with their photos or without; `show_cameras` says which are to be seen."""
        view = self.view
        taken = {camera.photo for camera in view.cameras}
        self._predicted = [
            self._draw_camera(
                f"predicted/{number}", camera, camera_color(number, len(view.cameras)), photos, 1.0
            )
            for number, camera in enumerate(view.cameras)
        ]
        # A true one may stand where the predicted one does: it is an empty frame around that.
        scale = TRUE_SCALE if view.cameras else 1.0
        self._true = [
            self._draw_camera(
                f"true/{number}", camera, TRUE_COLOR, photos and camera.photo not in taken, scale
            )
            for number, camera in enumerate(view.truth)
        ]

    def move(self, cameras: Sequence[ShownCamera], splats: SplatArrays) -> None:
        """Draw the Gaussians as they are now, and put the predicted cameras where they are now."""
        self.splats = splats
        self.draw_splats()
        self.view.cameras[:] = cameras
        self.cameras[: len(cameras)] = cameras
        for handle, camera in zip(self._predicted, cameras, strict=True):
            handle.wxyz, handle.position = self._pose(camera)

    def show_cameras(self, predicted: bool, true: bool) -> None:
        """Show or hide the cameras of either kind."""
        for handles, visible in ((self._predicted, predicted), (self._true, true)):
            for handle in handles:
                handle.visible = visible

    def _draw_camera(
        self, name: str, camera: ShownCamera, color: tuple[int, int, int], with_photo: bool, scale: float
    ) -> Any:
        photo = photo_of(camera) if with_photo else None
        width, height = camera.size
        if camera.K is None and photo is not None:
            height, width = photo.shape[:2]
        wxyz, position = self._pose(camera)
        return self._scene.add_camera_frustum(
            f"{self._root}/{name}",
            fov=vertical_fov(camera),
            aspect=width / height,
            scale=0.7 * self.size * self.scale * scale,
            thickness=0.02,
            color=camera.color or color,
            image=photo,
            wxyz=wxyz,
            position=position,
        )

    def _pose(self, camera: ShownCamera) -> tuple[np.ndarray, np.ndarray]:
        """Orientation (wxyz) and position in the node's frame."""
        rotation, translation = camera.cam_from_world[:, :3], camera.cam_from_world[:, 3]
        return quat_wxyz(rotation.T), self._drawn(-rotation.T @ translation)

    def draw_splats(self) -> None:
        """The Gaussians, where the view has any."""
        if self.splats is not None:
            centers, covariances, rgbs, opacities = self.splats
            self._gaussians = self._scene.add_gaussian_splats(
                f"{self._root}/splats", self._drawn(centers), covariances * self.scale**2, rgbs, opacities
            )

    def show_splats(self, visible: bool) -> None:
        """Show or hide the Gaussians."""
        if self._gaussians is not None:
            self._gaussians.visible = visible

    def _drawn(self, places: np.ndarray) -> np.ndarray:
        """World points (..., 3) in the node's frame."""
        return (places - self._origin) * self.scale


def photo_of(camera: ShownCamera) -> np.ndarray | None:
    """A camera's photo, small; None where it is not there."""
    if camera.photo is None:
        return None
    try:
        read = read_with_cameras([camera.photo], [camera.size])
        # Only splatting keeps cameras of photos as stored, and its sizes tell.
        return load_image(camera.photo if read.doubtful else read.paths[0], PHOTO_EDGE)
    except UserError:
        return None
