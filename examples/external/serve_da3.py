"""Depth Anything 3 by the call that its README documents. Not run by us.

model.command=[/envs/da3/bin/python,serve_da3.py,depth-anything/DA3-SMALL]
"""

import sys

from hw4_client import serve


def load():
    """The network of the hub name that is given."""
    import torch
    from depth_anything_3.api import DepthAnything3

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = DepthAnything3.from_pretrained(sys.argv[1]).to(device)

    def reconstruct(images, Ks, seed):
        out = network.inference(images)
        # The whole photos, resized, where all have one shape.
        return {
            "cam_from_world": out.extrinsics,
            "Ks": out.intrinsics,
            "depth": out.depth,
            "conf": out.conf,
        }

    return reconstruct


serve(load, name="depth-anything-3", version=sys.argv[1])
