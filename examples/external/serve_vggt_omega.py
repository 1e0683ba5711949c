"""VGGT-Ω by the call that its README documents. Not run by us: its checkpoints are given out on request.

model.command=[/envs/vggt-omega/bin/python,serve_vggt_omega.py,vggt_omega_1b_512.pt]
"""

import sys
from pathlib import Path

from hw4_client import serve


def load():
    """The network of the checkpoint that is named."""
    import torch
    from vggt_omega.models import VGGTOmega
    from vggt_omega.utils.load_fn import load_and_preprocess_images
    from vggt_omega.utils.pose_enc import encoding_to_camera

    network = VGGTOmega().to("cuda").eval()
    network.load_state_dict(torch.load(sys.argv[1], map_location="cpu", weights_only=True))

    def reconstruct(images, Ks, seed):
        with torch.inference_mode():
            out = network(load_and_preprocess_images(images, image_resolution=512).to("cuda"))
        cam_from_world, model_Ks = encoding_to_camera(out["pose_enc"], out["images"].shape[-2:])
        # The whole photos, resized: where several shapes were padded to one, give original_from_model too.
        return {
            "cam_from_world": cam_from_world[0],
            "Ks": model_Ks[0],
            "depth": out["depth"][0].squeeze(-1),
            "conf": out["depth_conf"][0],
        }

    return reconstruct


serve(load, name="vggt-omega", version=Path(sys.argv[1]).name)
