"""`demo.*` and `view.*`: results to look at."""

from dataclasses import dataclass

from hw4.config.fields import in_range


@dataclass
class DemoConfig:
    """`task=demo`: one reconstruction of the user's own photos.

    `images` is a folder of photos or a video file; null: the photos of the data's scene. At most `max_images`
    are used, spread evenly over the folder's names or the video's time. Points whose confidence (the model's
    own scale; it mostly starts at 1) is below `min_conf_thr` are left out of the 3D files, and at
    most `max_points` are written.
    """

    images: str | None = None
    max_images: int = 10
    min_conf_thr: float = 1.0
    max_points: int = 500_000

    def __post_init__(self) -> None:
        in_range("demo.max_images", self.max_images, 2, 1000)
        in_range("demo.min_conf_thr", self.min_conf_thr, 0)
        in_range("demo.max_points", self.max_points, 1)


@dataclass
class ViewConfig:
    """`task=view`: a finished run's folder in the browser.

    `run` is the folder of a run or a sweep. `seconds` null: until Ctrl-C. `host` ``0.0.0.0`` lets other
    machines in.
    """

    run: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    seconds: float | None = None

    def __post_init__(self) -> None:
        in_range("view.port", self.port, 1, 65535)
        in_range("view.seconds", self.seconds, 0)
