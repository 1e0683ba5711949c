"""The tree of the homework's data, with small photos: two parts, each with its index beside it."""

import shutil
from pathlib import Path

import numpy as np

from hw4.config import SampleConfig
from hw4.data.sample import ensure_sample

FRAMES = "interpolated_images/results_wide_baseline/dynamicrafter_512_wide_baseline_seed12306"
HEADER = "Cambridge Landmarks, yaw 80.0 to 90.0\n----------\nidx img1 img2 yaw scene\n----------\n"
YAW = "yaw_80.0_to_90.0"
# What the report calls its failure case.
CASE = 3781


def write_homework(folder: Path, config: SampleConfig) -> Path:
    """``hw4_1_data`` with the pairs of a generated set: the last one private, the first one number 3781."""
    source = ensure_sample(config)
    truth = np.load(source / "gt.npy", allow_pickle=True).item()
    rows = [line.split() for line in (source / "pairs.txt").read_text().splitlines()]
    pairs = [(int(row[0]), row[1], row[2]) for row in rows if len(row) == 3 and row[0].isdigit()]
    root = folder / "hw4_1_data"
    parts = {"public": pairs[:-1], "private": pairs[-1:]}
    for part, members in parts.items():
        known, lines = {}, []
        for number, (idx, *photos) in enumerate(members):
            new = CASE if (part, number) == ("public", 0) else idx
            for photo in photos:
                target = root / part / "images" / "ShopFacade" / photo
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / "images" / photo, target)
            frames = root / part / FRAMES / str(new) / "dynamicrafter"
            shutil.copytree(source / "interpolated" / str(idx) / "sample", frames)
            lines.append(f"{new} {' '.join(f'ShopFacade/{photo}' for photo in photos)} 84.2 ShopFacade")
            known[new] = truth[idx]
        (root / f"{part}_{YAW}.txt").write_text(HEADER + "\n".join(lines) + "\n")
        if part == "public":
            np.save(root / part / "gt.npy", np.array(known, dtype=object), allow_pickle=True)
    return root
