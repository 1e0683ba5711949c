"""The viewer in the browser (viser): clouds with a confidence slider, cameras, splats, ground truth."""

import contextlib
import io
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import viser
from scipy.spatial.transform import Rotation

from hw4.core.errors import UserError
from hw4.data.orientation import read_with_cameras
from hw4.data.photos import load_image
from hw4.geometry.cameras import as_world_of_first, frustum_depth, moved
from hw4.output.reconstruction import camera_color
from hw4.show.viewer.arrays import UNKNOWN_FOV, read_splats, standing_at
from hw4.show.viewer.origin import own_origin_only
from hw4.show.viewer.subject import ShownCamera, Subject, View3D

TRUE_COLOR = (20, 20, 20)
TRUE_SCALE = 1.15
PHOTO_EDGE = 320
WORLD = "/world"
# No camera to look through: the reader moves freely.
FREE = "no camera"


class Viewer:
    """A viser server that shows one subject at a time.

    Args:
        subjects: what can be chosen.
        host: address to listen on.
        port: the next free one is taken where it is in use.

    Raises:
        UserError: the address is not one of this machine, or no port can be had.
    """

    def __init__(self, subjects: Sequence[Subject], host: str, port: int) -> None:
        self._subjects = list(subjects)
        _check_address(host)
        try:
            # It prints a banner of its own, verbose or not.
            with contextlib.redirect_stdout(io.StringIO()), own_origin_only(host):
                self.server = viser.ViserServer(host=host, port=port, label="hw4", verbose=False)
        except (OSError, RuntimeError) as error:
            raise UserError(f"the viewer cannot listen on {host}:{port} ({error}); set view.port.") from error
        self.url = (
            f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{self.server.get_port()}"
        )
        self.view = View3D()
        self._size = 1.0
        self._to_first = np.eye(4)
        self._cameras: dict[str, ShownCamera] = {}
        # Taken off whatever is drawn: the browser computes in 32 bits, which hold no places far from here.
        self._origin = np.zeros(3)
        groups = list(dict.fromkeys(subject.group for subject in self._subjects))
        # Any: for the type checker, the handles' values are read-only.
        gui: Any = self.server.gui
        self.run = gui.add_dropdown("run", groups, initial_value=groups[0], visible=len(groups) > 1)
        self.choice = gui.add_dropdown("show", [""], initial_value="")
        self.words = gui.add_markdown("")
        self.through = gui.add_dropdown("look through", [FREE], initial_value=FREE)
        self.picture = gui.add_image(np.zeros((1, 1, 3), np.uint8), visible=False)
        self.hidden = gui.add_slider("hide least sure (%)", 0, 99, 1, 0)
        self.dot = gui.add_slider("point size", 0.1, 5.0, 0.1, 1.0)
        self.show_points = gui.add_checkbox("points", True)
        self.show_cameras = gui.add_checkbox("predicted cameras", True)
        self.show_truth = gui.add_checkbox("true cameras", True)
        self.show_photos = gui.add_checkbox("photos", True)
        self.show_splats = gui.add_checkbox("splats", True)
        self._listed: dict[str, int] = {}
        self.run.on_update(lambda _: self._list())
        self.choice.on_update(lambda _: self.show(self._listed[self.choice.value]))
        self.through.on_update(lambda _: self._look_through())
        for control in (self.hidden, self.dot, self.show_points):
            control.on_update(lambda _: self._draw_points())
        for control in (self.show_cameras, self.show_truth, self.show_photos):
            control.on_update(lambda _: self._draw_cameras())
        self.show_splats.on_update(lambda _: self._draw_splats())
        self._list()

    def _list(self) -> None:
        """The entries of the chosen run, the worst first; those without an error stand after them."""
        mine = [i for i, subject in enumerate(self._subjects) if subject.group == self.run.value]
        worst_first = [np.inf if s.error is None else -s.error for s in self._subjects]
        mine.sort(key=worst_first.__getitem__)
        labels = _distinct([self._subjects[i].short for i in mine])
        self._listed = dict(zip(labels, mine, strict=True))
        self.choice.options = labels
        if self.choice.value != labels[0]:
            self.choice.value = labels[0]
        self.show(mine[0])

    def pick(self, number: int) -> None:
        """Choose an entry, by its place among all subjects, as a person would."""
        self.run.value = self._subjects[number].group
        self._list()
        self.choice.value = next(label for label, i in self._listed.items() if i == number)
        self.show(number)

    def show(self, number: int) -> None:
        """Show a subject in the place of the last one; a file that cannot be read is said in its text."""
        try:
            self.view = self._subjects[number].load()
        except (UserError, OSError, ValueError, KeyError) as error:
            self.view = View3D(words=[f"This cannot be shown: {error}"])
        view = self.view
        cameras = [*view.cameras, *view.truth]
        stacked = np.array([camera.cam_from_world for camera in cameras]).reshape(-1, 3, 4)
        to_first = as_world_of_first(stacked)
        self._origin = -to_first[:3, :3].T @ to_first[:3, 3]
        words = list(view.words)
        if any(camera.K is None for camera in cameras):
            words.append("Cameras without intrinsics are drawn with 60° of view.")
        scene = self.server.scene
        scene.reset()
        scene.set_up_direction("-y")
        quat_xyzw = Rotation.from_matrix(to_first[:3, :3]).as_quat()
        scene.add_frame(WORLD, show_axes=False, wxyz=quat_xyzw[[3, 0, 1, 2]], position=np.zeros(3))
        self._size = frustum_depth(view.points, stacked) if len(stacked) or len(view.points) else 1.0
        self.words.content = "\n\n".join(words)
        self.hidden.disabled = view.conf is None
        self.show_splats.visible = view.splats is not None
        # Points would only hide the splats that grew from them.
        self.show_points.value = view.splats is None
        self.show_truth.visible = bool(view.truth)
        self.show_cameras.visible = bool(view.cameras)
        self._to_first = to_first
        self._cameras = dict(zip(_distinct([camera.name for camera in cameras]), cameras, strict=True))
        self.through.options = [FREE, *self._cameras]
        self.through.value = FREE
        self.picture.visible = False
        self._look(to_first)
        self._draw_points()
        self._draw_cameras()
        self._draw_splats()

    def _look(self, to_first: np.ndarray) -> None:
        """Stand above the first camera, to its right, and look at the middle of the points."""
        target = np.array([0.0, 0.0, 5 * self._size])
        if len(self.view.points):
            target = np.median(moved(self.view.points, to_first), axis=0)
        away = max(float(np.linalg.norm(target)), 3 * self._size)
        start = self.server.initial_camera
        start.position = np.array([0.4, -0.5, -0.6]) * away
        start.look_at = target
        for client in self.server.get_clients().values():
            client.camera.position, client.camera.look_at = start.position, target

    def _look_through(self) -> None:
        """Put the reader where a camera stands; its photo, render and difference stand in the panel."""
        camera = self._cameras.get(str(self.through.value))
        self._draw_cameras()
        if camera is None:
            self.picture.visible = False
            return
        wxyz, position, fov = standing_at(camera, self._to_first, self._origin)
        for client in self.server.get_clients().values():
            with client.atomic():
                client.camera.wxyz, client.camera.position, client.camera.fov = wxyz, position, fov
        picture = self._photo(camera)
        if camera.strip is not None:
            with contextlib.suppress(UserError):
                picture = load_image(camera.strip, 3 * PHOTO_EDGE)
        self.picture.visible = picture is not None
        if picture is not None:
            self.picture.image = picture

    def _draw_points(self) -> None:
        view = self.view
        keep = len(view.points)
        if view.conf is not None:
            keep = int(np.ceil(keep * (100 - self.hidden.value) / 100))
        self.server.scene.add_point_cloud(
            f"{WORLD}/points",
            np.asarray(view.points[:keep] - self._origin, np.float32),
            view.colors[:keep],
            point_size=0.03 * self._size * self.dot.value,
            point_shape="circle",
            precision="float32",
            visible=bool(self.show_points.value) and keep > 0,
        )

    def _draw_cameras(self) -> None:
        kinds = (
            ("predicted", self.view.cameras, bool(self.show_cameras.value)),
            ("true", self.view.truth, bool(self.show_truth.value)),
        )
        taken = {camera.photo for camera in self.view.cameras}
        # Whoever looks through one of them would see the others' photos instead.
        free = self.through.value == FREE
        for kind, cameras, visible in kinds:
            for number, camera in enumerate(cameras):
                true = kind == "true"
                color = camera.color or (TRUE_COLOR if true else camera_color(number, len(cameras)))
                # A true camera may stand where the predicted one does: it is an empty frame around that.
                with_photo = self.show_photos.value and not (true and camera.photo in taken)
                photo = self._photo(camera) if with_photo else None
                scale = TRUE_SCALE if true and self.view.cameras else 1.0
                self._draw_camera(f"{WORLD}/{kind}/{number}", camera, color, photo, visible and free, scale)

    def _draw_camera(
        self,
        name: str,
        camera: ShownCamera,
        color: tuple[int, int, int],
        photo: np.ndarray | None,
        visible: bool,
        scale: float,
    ) -> None:
        width, height = camera.size
        fov = UNKNOWN_FOV if camera.K is None else 2 * np.arctan(height / (2 * camera.K[1, 1]))
        if camera.K is None and photo is not None:
            height, width = photo.shape[:2]
        rotation, translation = camera.cam_from_world[:, :3], camera.cam_from_world[:, 3]
        quat_xyzw = Rotation.from_matrix(rotation.T).as_quat()
        self.server.scene.add_camera_frustum(
            name,
            fov=float(fov),
            aspect=width / height,
            scale=0.7 * self._size * scale,
            thickness=0.02,
            color=color,
            image=photo,
            wxyz=quat_xyzw[[3, 0, 1, 2]],
            position=-rotation.T @ translation - self._origin,
            visible=visible,
        )

    def _photo(self, camera: ShownCamera) -> np.ndarray | None:
        if camera.photo is None:
            return None
        try:
            read = read_with_cameras([camera.photo], [camera.size])
            # Only splatting keeps cameras of photos as stored, and its sizes tell.
            return load_image(camera.photo if read.doubtful else read.paths[0], PHOTO_EDGE)
        except UserError:
            return None

    def _draw_splats(self) -> None:
        if self.view.splats is None:
            return
        centers, covariances, rgbs, opacities = read_splats(self.view.splats)
        self.server.scene.add_gaussian_splats(
            f"{WORLD}/splats",
            centers - self._origin,
            covariances,
            rgbs,
            opacities,
            visible=bool(self.show_splats.value),
        )

    def stop(self) -> None:
        """End the server."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.server.stop()


def _check_address(host: str) -> None:
    """viser waits for ever where its thread cannot listen."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"the viewer cannot listen on view.host={host} ({reason}); set view.host.") from error


def _distinct(labels: Sequence[str]) -> list[str]:
    """The labels with a number behind those that stand there twice."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} [{seen[label]}]")
    return result


def serve(viewer: Viewer, seconds: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
    """Keep a viewer running until Ctrl-C, or for that many seconds, then end it."""
    end = None if seconds is None else time.monotonic() + seconds
    try:
        while end is None or time.monotonic() < end:
            sleep(0.2 if end is None else min(0.2, max(0.0, end - time.monotonic())))
    except KeyboardInterrupt:
        pass
    finally:
        viewer.stop()
