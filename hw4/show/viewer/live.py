"""Gaussians in the browser while they are trained."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hw4.core.errors import UserError
from hw4.data.scenes.scene import Scene, TestViews
from hw4.geometry.cameras import centred_K, rigid
from hw4.show.viewer.arrays import SplatArrays, splat_arrays
from hw4.show.viewer.drawing import Drawing
from hw4.show.viewer.run_splats import ROLE_COLORS
from hw4.show.viewer.server import FREE, close_server, distinct, open_server, plain
from hw4.show.viewer.standing import stand
from hw4.show.viewer.subject import ShownCamera, View3D
from hw4.splat.camera_file import TEST, TRAIN
from hw4.splat.pictures import strip
from hw4.splat.scoring.evaluate import render_view
from hw4.splat.start import Initialisation
from hw4.splat.training.listeners import OnState
from hw4.splat.training.step import TrainingRun
from hw4.splat.training.train import to_uint8

# What is shown is renewed no more often, and takes no more than this share of training's time.
EVERY_S = 1.0
SHARE = 0.02
# How often it is asked whether anybody looks.
LOOK_S = 0.2


@dataclass(frozen=True)
class _Views:
    """The cameras that can be looked through, in the world of training.

    Attributes:
        names: of the training views that are used.
        paths: of their photos.
        test: the held-out views.
        test_names: of those that have cameras.
    """

    names: list[str]
    paths: list[Path]
    test: TestViews
    test_names: list[str]

    @classmethod
    def of(cls, scene: Scene, init: Initialisation) -> "_Views":
        """Those of a scene; a model may have placed some of its training views alone."""
        held_out = [] if scene.test.cam_from_world is None else scene.test.names
        trained = [f"{TRAIN} {scene.train.names[view]}" for view in init.views]
        names = distinct([*trained, *(f"{TEST} {name}" for name in held_out)])
        paths = [scene.train.paths[view] for view in init.views]
        return cls(names[: len(trained)], paths, scene.test, names[len(trained) :])

    def cameras(self, run: TrainingRun) -> list[ShownCamera]:
        """All of them as they stand."""
        placed, Ks = rigid(run.cameras().cpu().numpy()), run.Ks.double().cpu().numpy()
        sizes = [(image.shape[1], image.shape[0]) for image in run.images]
        cameras = [
            ShownCamera(name, camera[:3], K, size, path, ROLE_COLORS[TRAIN])
            for name, camera, K, size, path in zip(self.names, placed, Ks, sizes, self.paths, strict=True)
        ]
        test = self.test
        if test.cam_from_world is None or test.Ks is None or test.sizes is None:
            return cameras
        for name, camera, K, (width, height) in zip(
            self.test_names, test.cam_from_world, test.Ks, test.sizes.tolist(), strict=True
        ):
            cameras.append(ShownCamera(name, camera[:3], K, (width, height), None, ROLE_COLORS[TEST]))
        return cameras

    def photo(self, run: TrainingRun, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A view's photo (H, W, 3) uint8 as renders have it, and its intrinsics (3, 3).

        Raises:
            UserError: the photo of a held-out view cannot be read.
        """
        if name in self.names:
            number = self.names.index(name)
            return to_uint8(run.images[number]), run.Ks[number].cpu().numpy()
        pixels, K = self.test.load(self.test_names.index(name))
        assert K is not None
        return pixels, centred_K(K, pixels.shape[1::-1]) if run.config.principal_point == "centre" else K

    def why_incomplete(self) -> list[str]:
        """What is to be said of held-out views that cannot be looked through."""
        if not len(self.test):
            return ["No view is held out."]
        if not self.test_names:
            return ["The held-out views have no cameras: a model gives them some after training."]
        return []


class LiveViewer:
    """A viser server that shows a training, in training's own thread between two iterations.

    It only reads, so that results are those without it, and it costs nothing while nobody looks.

    Args:
        host: address to listen on.
        port: the next free one is taken where it is in use.
        warn: told once where what is shown fails; training goes on without.

    Raises:
        UserError: the address is not one of this machine, or no port can be had.
    """

    def __init__(self, host: str, port: int, warn: Callable[[str], None]) -> None:
        self.server, self.url = open_server(host, port)
        self.server.scene.set_up_direction("-y")
        self._warn, self._due, self._has_failed = warn, 0.0, False
        self._lock = threading.RLock()
        self._views: _Views | None = None
        self._drawing: Drawing | None = None
        self._over: TrainingRun | None = None
        gui: Any = self.server.gui
        self.words = gui.add_markdown("Nothing is trained yet: the photos and the first Gaussians are read.")
        self.through = gui.add_dropdown("look through", [FREE], initial_value=FREE)
        self.picture = gui.add_image(np.zeros((1, 1, 3), np.uint8), label="", visible=False)
        self.curve = gui.add_uplot(
            (np.zeros(1), np.zeros(1)),
            ({"label": "iteration"}, {"label": "PSNR (dB)", "stroke": "#1f77b4", "width": 2}),
            title="PSNR on training views (dB)",
            scales={"x": {"time": False}},
            aspect=1.8,
            visible=False,
        )
        self.show_cameras = gui.add_checkbox("cameras", True)
        self.through.on_update(lambda _: self._look_through())
        self.show_cameras.on_update(lambda _: self._show_cameras())
        self.server.on_client_connect(self._greet)

    def watch(self, scene: Scene, init: Initialisation) -> OnState:
        """Begin; what is returned is told the state of the training.

        Args:
            scene: in the world of training.
            init: what training starts from.
        """
        self._views = views = _Views.of(scene, init)
        self.through.options = [FREE, *views.names, *views.test_names]
        return self._on_state

    def _on_state(self, run: TrainingRun, is_over: bool) -> None:
        now = time.monotonic()
        if self._has_failed or (now < self._due and not is_over):
            return
        with self._lock:
            self._over = run if is_over else None
            if not self.server.get_clients():
                self._due = now + LOOK_S
                return
            self._show(run)
            ended = time.monotonic()
            self._due = ended + max(EVERY_S, (ended - now) / SHARE)

    def _show(self, run: TrainingRun) -> None:
        """Renew all that is shown."""
        assert self._views is not None
        try:
            with torch.no_grad():
                self._draw(self._views.cameras(run), _splats(run))
                self._show_picture(run)
            self._say(run)
        except Exception as error:
            # Whatever goes wrong here, training is not to end by it.
            self._warn(f"view.live shows no more of the training ({type(error).__name__}: {error})")
            self._has_failed = True

    def _draw(self, cameras: list[ShownCamera], splats: SplatArrays) -> None:
        if self._drawing is not None:
            self._drawing.move(cameras, splats)
            return
        self._drawing = Drawing(self.server.scene, "/training", View3D(cameras=cameras), splats)
        self._drawing.place()
        self._drawing.draw_splats()
        self._drawing.draw_cameras(photos=True)
        self._show_cameras()
        for client in self.server.get_clients().values():
            self._stand(client)

    def _say(self, run: TrainingRun) -> None:
        assert self._views is not None
        n, history = len(run.gaussians["means"]), run.history
        step = f"{run.step} of {run.config.iterations}"
        lead = f"Training is over, at iteration {step}" if self._over is not None else f"Iteration {step}"
        words = [f"**{lead}**; {n} Gaussians."]
        if history:
            last = history[-1]
            words.append(
                f"At iteration {last['step']:.0f}: loss {last['loss']:.4f}, PSNR {last['psnr_train']:.2f} dB "
                "on its training view."
            )
            columns = [[record[name] for record in history] for name in ("step", "psnr_train")]
            self.curve.data = tuple(np.array(column, np.float64) for column in columns)
            self.curve.visible = True
        words.append("Blue: training cameras, as they stand now; orange: held-out ones, unknown to training.")
        words += self._views.why_incomplete()
        if self._over is not None:
            words.append("The page ends with the run; then task=view shows it.")
        self.words.content = "\n\n".join([words[0], *map(plain, words[1:])])

    def _show_picture(self, run: TrainingRun) -> None:
        """Photo, render and difference of the view that is looked through."""
        camera = self._seen_through()
        if camera is None or self._views is None:
            self.picture.visible = False
            return
        try:
            photo, K = self._views.photo(run, camera.name)
        except UserError as error:
            self.picture.label, self.picture.visible = str(error), True
            return
        height, width = photo.shape[:2]
        background = float(run.shown_background()[0, 0])
        cam_from_world = np.vstack([camera.cam_from_world, (0, 0, 0, 1)])
        render = to_uint8(render_view(run.gaussians, cam_from_world, K, width, height, background))
        mse = float(((photo.astype(float) - render) ** 2).mean())
        score = f", {10 * np.log10(255**2 / mse):.2f} dB" if mse > 0 else ""
        self.picture.label = f"photo, render at iteration {run.step}{score}, difference"
        self.picture.image = strip(photo, render)
        self.picture.visible = True

    def _seen_through(self) -> ShownCamera | None:
        cameras = [] if self._drawing is None else self._drawing.cameras
        return next((camera for camera in cameras if camera.name == self.through.value), None)

    def _look_through(self) -> None:
        """Put the reader where the camera stands; its picture comes after the next iteration."""
        with self._lock:
            self._show_cameras()
            for client in self.server.get_clients().values():
                self._stand(client)
            if self._over is not None:
                self._show(self._over)
            self._due = 0.0

    def _show_cameras(self) -> None:
        with self._lock:
            if self._drawing is not None:
                self._drawing.show_cameras(bool(self.show_cameras.value) and self.through.value == FREE, True)

    def _greet(self, client: Any) -> None:
        """Show what there is to a browser that has come."""
        with self._lock:
            if self._over is not None:
                self._show(self._over)
            self._stand(client)

    def _stand(self, client: Any) -> None:
        with self._lock:
            if self._drawing is not None:
                stand(client, [self._drawing], self._seen_through())

    def stop(self) -> None:
        """End the server."""
        close_server(self.server)


def _splats(run: TrainingRun) -> SplatArrays:
    return splat_arrays({name: p.detach().cpu().numpy() for name, p in run.gaussians.items()})
