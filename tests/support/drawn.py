"""A scene of viser's that keeps what is drawn in it."""

from collections.abc import Callable
from types import SimpleNamespace


class DrawnScene:
    """In the place of a viser scene, without a server."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[str, SimpleNamespace]] = {}

    def __getattr__(self, name: str) -> Callable[..., SimpleNamespace]:
        def add(node: str, *given: object, **options: object) -> SimpleNamespace:
            made = SimpleNamespace(given=given, **options)
            self.nodes[node] = name.removeprefix("add_"), made
            return made

        return add

    def of(self, kind: str) -> list[SimpleNamespace]:
        """What was drawn last of a kind (``point_cloud``) under each name, in order."""
        return [node for drawn, node in self.nodes.values() if drawn == kind]
