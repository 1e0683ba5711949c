"""The model card of the shipped weights, measured and written by this script.

``python -m hw4.report.model_card`` evaluates the shipped and the random networks on held-out scenes and
writes ``hw4/models/weights/MODEL_CARD.md`` and ``held_out.json``; no number in the card is typed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from safetensors import safe_open

from hw4.config import InputConfig, MetricsConfig, SampleConfig
from hw4.core.durable import write_json, write_text
from hw4.core.provenance import provenance
from hw4.data.pairs.samples import load_pairs
from hw4.data.sample import ensure_sample
from hw4.metrics import AREA
from hw4.models.registry import build_model, model_config, models
from hw4.output.tables import Table, number
from hw4.pose.evaluate import evaluate_pose

WEIGHTS_DIR = Path(__file__).resolve().parents[1] / "models" / "weights"
HELD_OUT_SEED = 2000
HELD_OUT_PAIRS = 120
YAW_BINS_DEG = ((0, 15), (15, 30), (30, 45), (45, 60), (60, 75), (75, 90.5))
OVERLAP_DEG = 45.0


def shipped() -> list[str]:
    """Models whose small network's weights ship with the project."""
    return [name for name in models() if (WEIGHTS_DIR / f"{name}_tiny.safetensors").is_file()]


@dataclass(frozen=True)
class Bin:
    """Pairs whose yaw lies in [low, high): their mean rotation error in degrees and `hw4.metrics.AREA`."""

    low: float
    high: float
    n: int
    n_failed: int
    mre: float | None
    auc_30: float | None


def _bin(low: float, high: float, yaws: np.ndarray, errors: np.ndarray) -> Bin:
    chosen = (yaws >= low) & (yaws < high)
    valid = errors[chosen & np.isfinite(errors)]
    # AUC counts a failed pair as wrong at every threshold; a mean over failures would invent an angle.
    filled = np.where(np.isfinite(errors[chosen]), errors[chosen], 180.0)
    return Bin(
        float(low),
        float(high),
        int(chosen.sum()),
        int(chosen.sum() - len(valid)),
        float(valid.mean()) if len(valid) else None,
        float(AREA.statistic(filled)) if chosen.any() else None,
    )


def held_out_config(pairs: int = HELD_OUT_PAIRS) -> SampleConfig:
    """The held-out sample set; its scene seeds are never used in training."""
    return SampleConfig(seed=HELD_OUT_SEED, pairs=pairs, frames=3)


def measure(
    name: str, weights: str, pairs: int = HELD_OUT_PAIRS, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Rotation errors of one network on the held-out pairs, by yaw.

    Args:
        name: of the model.
        weights: ``tiny`` or ``random``.
        pairs: size of the held-out set; the last, degenerate one is left out (its two photos are ordinary,
            but it stands for another question).
        say: told about each finished pair.

    Returns:
        JSON-serialisable figures: overall, overlapping (yaw up to 45 degrees), by yaw bin, and each pair's
        rotation error.
    """
    config = held_out_config(pairs)
    facts = json.loads((ensure_sample(config) / "sample.json").read_text())
    samples = [s for s in load_pairs(config, InputConfig()) if s.idx not in facts["degenerate"]]
    result = evaluate_pose(
        samples,
        build_model(model_config(name, weights=weights)),
        MetricsConfig(bootstrap=0),
        on_sample=lambda s, _: say(f"{name} {weights} {s.sample.idx}: {s.error.rotation_deg}"),
    )
    yaws = np.array([facts["yaw_deg"][str(s.sample.idx)] for s in result.samples])
    errors = np.array(
        [np.nan if s.error.rotation_deg is None else s.error.rotation_deg for s in result.samples]
    )
    return {
        "all": vars(_bin(0, 91, yaws, errors)),
        "overlap": vars(_bin(0, OVERLAP_DEG, yaws, errors)),
        "bins": [vars(_bin(low, high, yaws, errors)) for low, high in YAW_BINS_DEG],
        "error_deg": {str(s.sample.idx): s.error.rotation_deg for s in result.samples},
    }


def _cell(part: dict[str, Any]) -> str:
    failed = f", {part['n_failed']} failed" if part["n_failed"] else ""
    return f"{number(part['mre'], 1)}° / {number(part['auc_30'], 2)}{failed}"


def card_table(figures: dict[str, Any]) -> Table:
    """Networks as columns, yaw bins as rows."""
    columns = ["yaw", "pairs", *figures]
    first = next(iter(figures.values()))
    rows = []
    for i, part in enumerate(first["bins"]):
        label = f"{part['low']:.0f}–{min(part['high'], 90):.0f}°"
        rows.append([label, str(part["n"]), *(_cell(f["bins"][i]) for f in figures.values())])
    for key, label in (("overlap", "up to 45°"), ("all", "all")):
        rows.append([label, str(first[key]["n"]), *(_cell(f[key]) for f in figures.values())])
    notes = [
        f"each cell: mean rotation error of valid pairs / {AREA.label} with failed pairs counted as wrong"
    ]
    return Table("Held-out pairs by yaw between the views", columns, rows, notes)


def _training_facts(name: str) -> dict[str, str]:
    with safe_open(WEIGHTS_DIR / f"{name}_tiny.safetensors", "np") as file:
        return dict(file.metadata() or {})


def _view_counts(facts: dict[str, str]) -> str:
    """How many views the scenes of the steps had, as words: ``2, 3 or 4``."""
    # Weights from before this was recorded: every third step had 2 views, the others all.
    counts = json.loads(facts.get("view_counts") or f"[2, {json.loads(facts['config'])['views']}]")
    *first, last = [str(count) for count in counts]
    return f"{', '.join(first)} or {last}" if first else last


def card_text(figures: dict[str, Any], training: dict[str, dict[str, str]], origin: dict[str, Any]) -> str:
    """The card in Markdown."""
    rows, commands, remarks = [], [], []
    for name, facts in training.items():
        options = json.loads(facts["config"])
        megabytes = (WEIGHTS_DIR / f"{name}_tiny.safetensors").stat().st_size / 1e6
        minutes = f"{float(facts['seconds']) / 60:.0f}"
        scenes = f"{options['batch_size']} × {_view_counts(facts)}"
        rows.append([name, facts["steps"], minutes, str(options["seed"]), scenes, f"{megabytes:.1f}"])
        schedule = f"pretrain.steps={options['steps']} pretrain.minutes={options['minutes']}"
        out = f"pretrained/{name}"
        commands += [
            f"python -m hw4 task=pretrain model={name} {schedule} pretrain.out={out}",
            f"cp {out}/{name}_tiny.safetensors hw4/models/weights/",
        ]
        remarks += [f"{name}: {facts['note']}"] if facts.get("note") else []
    columns = ["network", "steps", "minutes", "seed", "scenes × views per step", "MB (fp16)"]
    template = Template(Path(__file__).with_name("model_card.md").read_text())
    return template.substitute(
        training=Table("Training runs", columns, rows, remarks).markdown().rstrip(),
        figures=card_table(figures).markdown().rstrip(),
        commands="\n".join([*commands, "python -m hw4.report.model_card"]),
        date=origin["started"][:10],
        cpu=origin["cpu"],
        torch=origin["packages"]["torch"],
    )


def main() -> None:
    """Measure everything and write the card."""
    figures = {
        f"{name}, {'trained' if weights == 'tiny' else 'random weights'}": measure(name, weights, say=print)
        for name in shipped()
        for weights in ("tiny", "random")
    }
    training = {name: _training_facts(name) for name in shipped()}
    write_json(WEIGHTS_DIR / "held_out.json", figures)
    write_text(WEIGHTS_DIR / "MODEL_CARD.md", card_text(figures, training, provenance()))
    print(card_table(figures).markdown())


if __name__ == "__main__":
    main()
