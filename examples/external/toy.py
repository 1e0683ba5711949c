"""A model that looks at nothing: the camera turns to the right by the same angle from photo to photo.

python -m hw4 task=pose model=external model.command=[python,examples/external/toy.py]
"""

import math

import numpy as np
from hw4_client import serve

TURN_DEG = 15.0


def load():
    """Nothing is to be loaded."""

    def reconstruct(images, Ks, seed):
        cameras = np.zeros((len(images), 3, 4))
        for view in range(len(images)):
            cos, sin = (f(math.radians(TURN_DEG * view)) for f in (math.cos, math.sin))
            R = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
            cameras[view] = np.column_stack([R, -R @ [view, 0, 0]])
        return {"cam_from_world": cameras}

    return reconstruct


serve(load, name="toy", version="1")
