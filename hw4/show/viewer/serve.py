"""The viewer in the browser (viser): clouds with a confidence slider, cameras, splats, ground truth."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hw4.core.errors import UserError
from hw4.data.photos import load_image
from hw4.show.viewer.drawing import PHOTO_EDGE, Drawing, photo_of
from hw4.show.viewer.server import FREE, close_server, distinct, open_server, plain
from hw4.show.viewer.standing import stand, standpoint
from hw4.show.viewer.subject import ShownCamera, Subject, View3D

LEFT, RIGHT = "left", "right"
ALONE = "no other run"
# Between two runs, as a share of the room that they take.
GAP = 0.1


class Viewer:
    """A viser server that shows one subject at a time, or the same one of two runs side by side.

    Args:
        subjects: what can be chosen.
        host: address to listen on.
        port: the next free one is taken where it is in use.
        beside: the run (a subject's group) whose entry stands beside the chosen one; None: nothing does.

    Raises:
        UserError: the address is not one of this machine, or no port can be had.

    Attributes:
        drawn: what is shown, by side.
    """

    def __init__(self, subjects: Sequence[Subject], host: str, port: int, beside: str | None = None) -> None:
        self._subjects = list(subjects)
        self.server, self.url = open_server(host, port)
        self.drawn: dict[str, Drawing] = {}
        self._listed: dict[str, int] = {}
        # viser answers every control on a thread of its own.
        self._lock, self._is_acting = threading.RLock(), False
        self._groups = list(dict.fromkeys(subject.group for subject in self._subjects))
        several = len(self._groups) > 1
        # Any: for the type checker, the handles' values are read-only.
        gui: Any = self.server.gui
        self.run = gui.add_dropdown("run", self._groups, initial_value=self._groups[0], visible=several)
        self.choice = gui.add_dropdown("show", [""], initial_value="")
        self.beside = gui.add_dropdown("beside", [ALONE, *self._groups], visible=several)
        self.beside.value = ALONE if beside is None else beside
        self.words = gui.add_markdown("")
        self.through = gui.add_dropdown("look through", [FREE], initial_value=FREE)
        self.pictures = {
            side: gui.add_image(np.zeros((1, 1, 3), np.uint8), label="", visible=False)
            for side in (LEFT, RIGHT)
        }
        with gui.add_folder("what is drawn", expand_by_default=False):
            self.hidden = gui.add_slider("hide least sure (%)", 0, 99, 1, 0)
            self.dot = gui.add_slider("point size", 0.1, 5.0, 0.1, 1.0)
            self.show_points = gui.add_checkbox("points", True)
            self.show_cameras = gui.add_checkbox("predicted cameras", True)
            self.show_truth = gui.add_checkbox("true cameras", True)
            self.show_photos = gui.add_checkbox("photos", True)
            self.show_splats = gui.add_checkbox("splats", True)
        self._answer(self._list, self.run)
        self._answer(self._show_chosen, self.choice, self.beside)
        self._answer(self._look_through, self.through)
        self._answer(self._draw_points, self.hidden, self.dot, self.show_points)
        self._answer(self._draw_cameras, self.show_photos)
        self._answer(self._show_kinds, self.show_cameras, self.show_truth, self.show_splats)
        self.server.on_client_connect(lambda client: self._act(lambda: self._stand(client)))
        self._act(self._list)

    def _answer(self, action: Callable[[], None], *controls: Any) -> None:
        for control in controls:
            control.on_update(lambda _: self._act(action))

    def _act(self, action: Callable[[], None]) -> None:
        """Do one thing at a time; controls that this sets do not answer."""
        with self._lock:
            if self._is_acting:
                return
            self._is_acting = True
            try:
                action()
            finally:
                self._is_acting = False

    def pick(self, number: int) -> None:
        """Choose an entry, by its place among all subjects, as a person would."""
        self.run.value = self._subjects[number].group
        self.choice.value = next(label for label, i in self._listed.items() if i == number)

    def _list(self) -> None:
        """The entries of the chosen run, the worst first; those without an error stand after them."""
        mine = [i for i, subject in enumerate(self._subjects) if subject.group == self.run.value]
        worst_first = [np.inf if s.error is None else -s.error for s in self._subjects]
        mine.sort(key=worst_first.__getitem__)
        shown = self._listed.get(self.choice.value)
        labels = distinct([self._subjects[i].entry for i in mine])
        self._listed = dict(zip(labels, mine, strict=True))
        # The sample that another run showed, if this one has it.
        same = (
            label
            for label, i in self._listed.items()
            if shown is not None and self._subjects[i].is_of_same(self._subjects[shown])
        )
        self.choice.options = labels
        self.choice.value = next(same, labels[0])
        others = [group for group in self._groups if group != self.run.value]
        beside = self.beside.value
        self.beside.options = [ALONE, *others]
        self.beside.value = beside if beside in others else ALONE
        self._show_chosen()

    def _show_chosen(self) -> None:
        """Show the chosen entry in the place of the last one, and beside it that of the other run."""
        chosen = self._subjects[self._listed[self.choice.value]]
        found = {LEFT: chosen}
        words = []
        if self.beside.value != ALONE:
            of_other = (s for s in self._subjects if s.group == self.beside.value and s.is_of_same(chosen))
            other = next(of_other, None)
            if other is not None:
                found[RIGHT] = other
            else:
                photos = " of these photos" if chosen.photos else ""
                words.append(f"{plain(self.beside.value)} has no {plain(chosen.name)}{photos}.")
        scene = self.server.scene
        scene.reset()
        scene.set_up_direction("-y")
        self.drawn = {side: _drawing(scene, f"/{side}", subject) for side, subject in found.items()}
        said = [drawing.view.words for drawing in self.drawn.values()]
        common = [word for word in said[0] if len(said) > 1 and word in said[1]]
        for side, own in zip(self.drawn, said, strict=True):
            run = f"**{plain(found[side].group)}** ({side}): " if len(found) > 1 else ""
            words.append(run + "\n\n".join(plain(word) for word in own if word not in common))
        words += map(plain, common)
        words += self._set_beside()
        if any(camera.K is None for drawing in self.drawn.values() for camera in drawing.cameras):
            words.append("Cameras without intrinsics are drawn with 60° of view.")
        self.words.content = "\n\n".join(words)
        self._offer()
        for side, drawing in self.drawn.items():
            drawing.place(found[side].label if len(found) > 1 else "")
            drawing.draw_splats()
        self._draw_points()
        self._draw_cameras()
        self._look()

    def _set_beside(self) -> list[str]:
        """Put the right one to the right of the left one; returns what is to be said of it."""
        if RIGHT not in self.drawn:
            return []
        left, right = self.drawn[LEFT], self.drawn[RIGHT]
        words = []
        if left.view.any_scale and right.view.any_scale:
            right.scale = left.size / right.size
            words.append("Both are drawn equally large: the scale of a prediction means nothing.")
        (left_low, left_high), (right_low, right_high) = left.bounds()[:, 0], right.bounds()[:, 0]
        gap = GAP * (left_high - left_low + right_high - right_low)
        right.shift = np.array([left_high - right_low + gap, 0, 0])
        return words

    def _offer(self) -> None:
        """The controls that these views have a use for."""
        views = [drawing.view for drawing in self.drawn.values()]
        self.hidden.disabled = all(view.conf is None for view in views)
        self.show_splats.visible = any(view.splats is not None for view in views)
        # Points would only hide the splats that grew from them.
        self.show_points.value = all(view.splats is None for view in views)
        self.show_truth.visible = any(view.truth for view in views)
        self.show_cameras.visible = any(view.cameras for view in views)
        self.through.options = [FREE, *_by_name(self.drawn[LEFT])]
        self.through.value = FREE
        for picture in self.pictures.values():
            picture.visible = False

    def _look(self) -> None:
        """Put everybody where all of it is seen, or where the camera stands that is looked through."""
        start = self.server.initial_camera
        start.position, start.look_at = standpoint([*self.drawn.values()], 1.0)
        for client in self.server.get_clients().values():
            self._stand(client)

    def _stand(self, client: Any) -> None:
        stand(client, [*self.drawn.values()], self._seen_through(LEFT))

    def _look_through(self) -> None:
        """Put the reader where a camera stands; its photo, render and difference stand in the panel."""
        self._show_kinds()
        self._look()
        for side, picture in self.pictures.items():
            camera = self._seen_through(side)
            pixels, label = (None, "") if camera is None else _picture(camera)
            picture.visible = pixels is not None
            if pixels is not None:
                picture.label = f"{side}: {label}" if RIGHT in self.drawn else label
                picture.image = pixels

    def _seen_through(self, side: str) -> ShownCamera | None:
        """The camera of the chosen name in the view on a side; None: no such, or nobody looks through one."""
        drawing = self.drawn.get(side)
        return None if drawing is None else _by_name(drawing).get(str(self.through.value))

    def _draw_points(self) -> None:
        for drawing in self.drawn.values():
            drawing.draw_points(self.hidden.value, self.dot.value, bool(self.show_points.value))

    def _draw_cameras(self) -> None:
        for drawing in self.drawn.values():
            drawing.draw_cameras(bool(self.show_photos.value))
        self._show_kinds()

    def _show_kinds(self) -> None:
        # Whoever looks through a camera would see the others' photos instead, and the other run behind.
        free = self.through.value == FREE
        for side, drawing in self.drawn.items():
            drawing.show(free or side == LEFT)
            drawing.show_cameras(free and bool(self.show_cameras.value), free and bool(self.show_truth.value))
            drawing.show_splats(bool(self.show_splats.value))

    def stop(self) -> None:
        """End the server."""
        close_server(self.server)


def _drawing(scene: Any, root: str, subject: Subject) -> Drawing:
    """What there is to look at; of a file that cannot be read, the reason."""
    try:
        return Drawing(scene, root, subject.load())
    except (UserError, OSError, ValueError, KeyError) as error:
        return Drawing(scene, root, View3D(words=[f"This cannot be shown: {error}"]))


def _by_name(drawing: Drawing) -> dict[str, ShownCamera]:
    cameras = drawing.cameras
    return dict(zip(distinct([camera.name for camera in cameras]), cameras, strict=True))


def _picture(camera: ShownCamera) -> tuple[np.ndarray | None, str]:
    """Of a test view photo, render and difference, else the photo; and what it is."""
    if camera.strip is not None:
        with contextlib.suppress(UserError):
            return load_image(camera.strip, 3 * PHOTO_EDGE), "photo, render, difference"
    return photo_of(camera), "photo"
