"""MapAnything by the call that its README documents. Not run by us.

model.command=[/envs/map-anything/bin/python,serve_map_anything.py]
"""

from hw4_client import centre_crop, serve

WEIGHTS = "facebook/map-anything"


def load():
    """The published network."""
    from mapanything.models import MapAnything
    from mapanything.utils.image import load_images
    from PIL import Image

    network = MapAnything.from_pretrained(WEIGHTS).to("cuda")

    def reconstruct(images, Ks, seed):
        views = network.infer(load_images(images), use_amp=True, amp_dtype="bf16", apply_mask=False)
        depth = [view["depth_z"][0].squeeze(-1) for view in views]
        # Its loader covers one of its shapes with the photo, and crops what stands over.
        maps = [centre_crop(Image.open(path).size, d.shape[::-1]) for path, d in zip(images, depth)]
        return {
            "world_from_cam": [view["camera_poses"][0] for view in views],
            "Ks": [view["intrinsics"][0] for view in views],
            "depth": depth,
            "pts3d": [view["pts3d"][0] for view in views],
            "conf": [view["conf"][0] for view in views],
            "original_from_model": maps,
        }

    return reconstruct


serve(load, name="map-anything", version=WEIGHTS)
