"""Serve a model of your own to `hw4`: copy this file beside your program. numpy alone, Python 3.8 or later.

    from hw4_client import serve

    def load():
        network = ...  # minutes, if need be
        def reconstruct(images, Ks, seed):
            return {"cam_from_world": ..., "Ks": ..., "depth": ...}
        return reconstruct

    serve(load, name="mine", version="weights of May")

`docs/external.md` of hw4 says what the arrays mean. Whatever your code prints goes to the run's external.log.
"""

import json
import os
import sys
import traceback

import numpy as np

PROTOCOL = 1
PER_VIEW = ("pts3d", "depth", "conf")


class Failed(Exception):
    """Raise it with the reason where the model finds no reconstruction of a scene."""


def serve(load, name, version=""):
    """Answer requests until hw4 closes the input.

    Args:
        load: builds the model, and returns a function of image files (a list of paths), intrinsics (a list of
            (3, 3) arrays or None, of each file's pixels) and a seed. That returns a dictionary of arrays or
            torch tensors; ``notes`` (a dictionary) and ``diagnoses`` (words or None, a view) may be among it.
        name: what tables call the model.
        version: changed whenever the answers change: predictions of another version are not reused.
    """
    # Nothing else may come into the answers: standard output becomes standard error, for C libraries too.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def say(**message):
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    say(hw4=PROTOCOL, name=name, version=str(version))
    reconstruct = load()
    say(ready=True)
    for line in sys.stdin:
        request = json.loads(line)
        number = request["id"]
        Ks = request["Ks"] or [None] * len(request["images"])
        try:
            found = dict(
                reconstruct(
                    request["images"], [None if K is None else np.array(K) for K in Ks], request["seed"]
                )
            )
            words = {key: found.pop(key) for key in ("notes", "diagnoses") if found.get(key) is not None}
            np.savez(request["npz"], **_arrays(found))
            say(id=number, npz=request["npz"], **words)
        except Failed as error:
            say(id=number, failed=str(error))
        except Exception as error:
            traceback.print_exc()
            say(id=number, broken=f"{type(error).__name__}: {error}")


def centre_crop(original_size, size):
    """The `original_from_model` of a photo that was resized to cover `size` and cropped about its centre.

    Both are (width, height).
    """
    scale = max(size[0] / original_size[0], size[1] / original_size[1])
    left, top = ((o - s / scale) / 2 for o, s in zip(original_size, size))
    return np.array([[1 / scale, 0, left], [0, 1 / scale, top], [0, 0, 1]])


def _arrays(found):
    arrays = {}
    for key, value in found.items():
        if value is None:
            continue
        if key in PER_VIEW:
            arrays.update((f"{key}/{view}", _numpy(one)) for view, one in enumerate(value))
        else:
            arrays[key] = np.stack([_numpy(one) for one in value])
    return arrays


def _numpy(value):
    if hasattr(value, "detach"):
        value = value.detach().float().cpu().numpy()
    return np.asarray(value)
