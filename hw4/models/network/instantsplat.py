"""The wheel that has the packages of several models' authors under their own names."""

from hw4.models.wheel import Wheel

# Its tags (CPython 3.11, Linux) are those of an extension that is not used here.
INSTANTSPLAT = Wheel(
    distribution="instantsplat",
    version="1.17.6",
    sha256="63629df1e822530839293d5c09982248d295fb23582ce4322e6ccad92e13e51b",
    packages={
        "croco": "models/croco.py",
        "dust3r": "model.py",
        "mast3r": "model.py",
        "vggt": "models/vggt.py",
    },
    private={"models": "croco/models"},
    platform="manylinux_2_28_x86_64",
)
