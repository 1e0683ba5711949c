"""Tables of one splat result, as ``results.json`` holds it."""

from typing import Any

from hw4.output.tables import MISSING, Table, number

METRICS = (("PSNR (dB)", "psnr", 2), ("SSIM", "ssim", 4), ("LPIPS", "lpips", 4))


def splat_table(result: dict[str, Any]) -> Table:
    """Scores on the test views beside those of the initialisation, and what the run was."""
    rows: list[tuple[str, str]] = [(label, number(result[key], digits)) for label, key, digits in METRICS]
    rows.append(("PSNR before training (dB)", number(result["initial_psnr"])))
    rows.append(("Gaussians", f"{result['n_initial']} → {result['n_gaussians']}"))
    rows.append(("iterations", str(result["iterations"])))
    rows.append(("training (s)", number(result["train_seconds"], 1)))
    start = result["init"] if result["init"] == "scene" else f"{result['init']}, weights: {result['weights']}"
    notes = [
        f"{result['n_train']} training views, {len(result['views'])} test views; initialised from {start}",
        *result["notes"],
        *(f"{name} is missing: {reason}" for name, reason in result["missing"].items()),
    ]
    if result["aligned_test_views"]:
        notes.append("test cameras were optimised before scoring (splat.eval.align_test_views)")
    if result["stopped"]:
        notes.append(result["stopped"])
    if result["reused"]:
        notes.append(f"taken from the cache: {result['cache_dir']}")
    return Table("Splatting: scores on the test views", ("metric", "value"), rows, notes)


def views_table(result: dict[str, Any]) -> Table:
    """One row per test view."""
    rows = [
        (
            view["name"],
            *(number(view[key], digits) for _, key, digits in METRICS),
            number(view["initial_psnr"]),
        )
        for view in result["views"]
    ]
    columns = ("view", *(label for label, _, _ in METRICS), "PSNR before training")
    return Table("Test views", columns, rows, [] if rows else [f"{MISSING}: the scene has no test views"])
