"""Packages that come with an extra of hw4, such as ``pip install 'hw4[models]'``."""

import re
from importlib import metadata

# Modules that have another name than their package.
NAMES = {"cv2": "opencv_python"}
# What has no wheel for some machines, and is then no requirement.
_NONE = "there is no wheel of it for this machine (docs/install.md)"
WITHOUT_WHEELS = {"pycolmap": _NONE, "gsply": _NONE}
# Extras for working on hw4, and those that only name others.
NOT_ADVISED = ("all", "dev", "docs")


def extras_with(module: str) -> list[str]:
    """The extras that bring a module; none where hw4 does not ask for it, or is not installed."""
    try:
        wanted = metadata.requires("hw4") or []
    except metadata.PackageNotFoundError:
        return []
    package = NAMES.get(module, module).lower()
    found = []
    for line in wanted:
        name = re.split(r"[^\w.-]", line)[0].replace("-", "_").lower()
        extra = re.search(r"""extra *== *["']([\w-]+)["']""", line)
        if name == package and extra is not None and extra[1] not in NOT_ADVISED:
            found.append(extra[1])
    return list(dict.fromkeys(found))


def missing_package(module: str) -> str | None:
    """The sentence for a module that is not installed; None where it is no part of hw4's installation."""
    if module in WITHOUT_WHEELS:
        return f"this needs the package {module}, which is not installed: {WITHOUT_WHEELS[module]}."
    extras = extras_with(module)
    if not extras:
        return None
    extra = extras[0] if len(extras) == 1 else "all"
    return f"this needs the package {module}, which is not installed: pip install 'hw4[{extra}]'."
