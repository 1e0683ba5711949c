"""``case.md``: the sentences about one sample with its pictures and tables."""

from pathlib import Path

from hw4.geometry.pnp import FLAT
from hw4.output.tables import MISSING, Table, number
from hw4.show.case.result import CaseInput, CaseResult

TITLES = {
    "frames": "Frames",
    "cloud": "Points and cameras: predicted in colour, true dashed",
    "singular_values": "Singular values of the points",
    "matches": "Matches between neighbouring views: green parallax, blue one homography, red neither",
}


def _overview(result: CaseResult) -> Table:
    rows = []
    for one in result.inputs:
        row, kinds = one.result.row(), {s.kind for s in one.shapes.values()}
        rows.append(
            (
                one.name,
                str(one.n_views),
                row["status"],
                number(row["rotation_error_deg"]),
                number(row["translation_error_deg"]),
                ", ".join(sorted(kinds)) or MISSING,
            )
        )
    columns = ("input", "views", "status", "rotation error", "translation error", "points")
    return Table("Both inputs (degrees)", columns, rows)


def _match_table(one: CaseInput) -> Table:
    rows = []
    for m in one.matched:
        p = m.parallax
        share = f"{100 * p.homography_share:.0f} %" if p.n_epipolar else MISSING
        shift = MISSING if p.parallax_px is None else f"{p.parallax_px:.1f}"
        views = f"{p.first} → {p.second}"
        rows.append(
            (views, str(p.n_matches), str(p.n_epipolar), str(p.n_homography), share, shift, p.verdict)
        )
    columns = ("views", "matches", "epipolar", "homography", "share", "parallax, px", "verdict")
    edge = one.matched[0].parallax.long_edge
    note = (
        f"pixels of images of {edge}; parallax: 90th percentile of the distance from the homography's place"
    )
    return Table(f"Neighbouring views, input {one.name}", columns, rows, [note])


def _shape_table(one: CaseInput) -> Table:
    rows = [
        (where, s.kind, *(f"{value:.3g}" for value in s.singular_values), f"{s.flatness:.3f}", str(s.count))
        for where, s in one.shapes.items()
    ]
    columns = ("points of", "shape", "σ₁", "σ₂", "σ₃", "σ₃/σ₁", "points")
    note = f"extents in units of the points; under {FLAT:g} of σ₁ a dimension counts as missing"
    return Table(f"Singular values of the centred points, input {one.name}", columns, rows, [note])


def case_markdown(result: CaseResult, out_dir: Path) -> str:
    """``case.md``: sentences, pictures and tables."""
    parts = [
        f"# Sample {result.idx}, {result.model} ({result.weights})",
        "\n".join(f"- {sentence}" for sentence in result.sentences),
        _overview(result).markdown(),
    ]
    for name, path in result.files.items():
        kind, _, which = name.partition(":")
        title = TITLES[kind] + (f" ({which})" if which else "")
        parts.append(f"## {title}\n\n![{title}]({Path(path).relative_to(out_dir)})")
    for one in result.inputs:
        if one.matched:
            parts.append(_match_table(one).markdown())
        if one.shapes:
            parts.append(_shape_table(one).markdown())
        if one.result.prediction.diagnoses:
            rows = [(w, text) for w, text in one.result.prediction.diagnoses.items()]
            parts.append(Table(f"Diagnoses, input {one.name}", ("view", "diagnosis"), rows).markdown())
    return "\n\n".join(parts) + "\n"
