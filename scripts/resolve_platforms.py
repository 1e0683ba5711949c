"""Which platforms and Pythons have wheels of everything that `.[all]` needs: asks uv, and installs nothing.

    python scripts/resolve_platforms.py [--extra all] [--verbose]

Prints the table that docs/install.md sums up, with the torch that each would get; where the extras have no
wheels, the base alone is asked for. Progress goes to stderr, a line as each answer comes. Needs uv and an
index, and some minutes: uv asks the index again for every package of every answer.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# Seconds; an answer takes about ten.
PATIENCE = 300
# The oldest that torch or pycolmap has wheels for, here and in PLATFORMS.
MACOS = "14.0"
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
# Pure Python, published as source alone.
SOURCE_ONLY = ("antlr4-python3-runtime",)


def resolve(platform: str, python: str, extras: list[str]) -> tuple[str | None, str]:
    """Pinned requirements, and "" - or None, and uv's reason."""
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    command += [word for name in SOURCE_ONLY for word in ("--no-binary", name)]
    # Any interpreter builds the source-only packages: uv would else download the one asked about.
    command += ["--python", sys.executable, "--no-python-downloads"]
    command += ["--python-platform", platform, "--python-version", python]
    command += [word for extra in extras for word in ("--extra", extra)]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS}
    try:
        done = subprocess.run(
            [*command, "pyproject.toml"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {PATIENCE} s: is there an index?"
    return (None, done.stderr) if done.returncode else (done.stdout, "")


def cell(platform: str, python: str, extras: list[str]) -> tuple[str, str]:
    """What the table says of one platform and Python, and the reason where it is not all."""
    pinned, reason = resolve(platform, python, extras)
    if pinned is None:
        return ("base only" if resolve(platform, python, [])[0] is not None else "no"), reason
    torch = re.search(r"^torch==(\S+)", pinned, re.MULTILINE)
    return f"torch {torch[1]}" if torch else "without torch", ""


def main() -> int:
    """0, or 1 where uv is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--extra", action="append", help="extras to resolve (default: all)")
    parser.add_argument("--verbose", action="store_true", help="print uv's reason for each that fails")
    arguments = parser.parse_args()
    if shutil.which("uv") is None:
        print("uv is not on PATH; `pip install uv` brings it", file=sys.stderr)
        return 1
    print("| platform | " + " | ".join(PYTHONS) + " |")
    print("|---" * (len(PYTHONS) + 1) + "|", flush=True)
    reasons, start, total = [], time.monotonic(), len(PLATFORMS) * len(PYTHONS)
    for row, (name, platform) in enumerate(PLATFORMS.items()):
        cells = []
        for column, python in enumerate(PYTHONS, 1):
            text, reason = cell(platform, python, arguments.extra or ["all"])
            cells.append(text)
            seconds, done = time.monotonic() - start, row * len(PYTHONS) + column
            print(
                f"{done} of {total}, {seconds:.0f} s: {name}, {python}: {text}", file=sys.stderr, flush=True
            )
            if reason:
                reasons.append(f"{name}, Python {python}:\n{reason}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if arguments.verbose:
        print("", *reasons, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
