"""The two pretrained networks, and settings that train them for moments."""

NAMES = ("dust3r", "vggt")
QUICK = {
    "batch_size": 1,
    "views": 2,
    "workers": 0,
    "warmup": 2,
    "checkpoint_every": 2,
    "validate_every": 100,
    "validation_scenes": 2,
}
