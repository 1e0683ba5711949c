"""π³ by the call that its example documents. Not run by us.

model.command=[/envs/pi3/bin/python,serve_pi3.py]
"""

import tempfile
from pathlib import Path

from hw4_client import serve

WEIGHTS = "yyfz233/Pi3"


def load():
    """The published network."""
    import torch
    from pi3.models.pi3 import Pi3
    from pi3.utils.basic import load_images_as_tensor

    network = Pi3.from_pretrained(WEIGHTS).to("cuda").eval()

    def reconstruct(images, Ks, seed):
        # It reads a folder, in the order of the names.
        with tempfile.TemporaryDirectory() as folder:
            for number, image in enumerate(images):
                Path(folder, f"{number:06d}{Path(image).suffix}").symlink_to(image)
            photos = load_images_as_tensor(folder, interval=1).to("cuda")
        with torch.no_grad(), torch.amp.autocast("cuda", dtype=torch.bfloat16):
            out = network(photos[None])
        # It gives no intrinsics.
        return {
            "world_from_cam": out["camera_poses"][0],
            "pts3d": out["points"][0],
            "conf": torch.sigmoid(out["conf"][0, ..., 0]),
        }

    return reconstruct


serve(load, name="pi3", version=WEIGHTS)
