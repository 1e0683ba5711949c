"""The best and the worst samples of the settings, with their photos and what the model made of them."""

from hw4.output.blocks import Card, Cards, Section
from hw4.output.tables import Table
from hw4.pose.metrics import error_of
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.ranking import rank
from hw4.report.sections.sample_card import card

WORST, BEST = 2, 1
MAX_SETTINGS = 4


def extremes_section(findings: Findings) -> Section | None:
    """One block for each of at most four settings, the best ones first; None where nothing is ranked."""
    ranking = rank(findings.pose_scores)
    if ranking is None:
        return None
    section = Section("Pose: worst and best")
    for number, i in enumerate(ranking.order[:MAX_SETTINGS]):
        entry = ranking.entries[i]
        cards, rows = _cards(entry.first)
        if cards:
            data = Table("", ["which", "idx", "error_deg", "img1", "img2"], rows)
            title = f"{entry.label}: the worst samples and the best one"
            section.blocks.append(Cards(f"extremes_{number}", title, cards, data))
    return section if section.blocks else None


def _cards(run: Run) -> tuple[list[Card], list[list[str]]]:
    assert run.pose is not None
    pose = run.pose
    mode = pose.summary.mode
    known = [(error, one) for one in pose.samples if (error := error_of(one.error, mode)) is not None]
    known.sort(key=lambda item: item[0])
    worst = known[::-1][:WORST]
    best = known[: max(0, min(BEST, len(known) - len(worst)))]
    cards, rows = [], []
    for which, chosen in (("worst", worst), ("best", best)):
        for error, one in chosen:
            wide = "" if one.true_angle_deg is None else f", {one.true_angle_deg:.0f}° wide"
            label = f"{which}: idx {one.sample.idx}, {error:.2f}°{wide}, {one.n_views} views"
            cards.append(card(run, one, label))
            photos = one.sample.image_paths
            rows.append([which, str(one.sample.idx), str(error), photos[0].name, photos[-1].name])
    return cards, rows
