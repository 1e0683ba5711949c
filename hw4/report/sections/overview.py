"""The report's first section: the answer, one picture that shows it, and a row for each setting."""

from collections.abc import Sequence

from hw4.config.stages import SPLAT
from hw4.output.blocks import VERDICT, WARNING, Block, Columns, Folded, Section, Text
from hw4.records.files import OK
from hw4.records.runs import Folder
from hw4.report.answers import answer, difference
from hw4.report.findings import Findings
from hw4.report.questions import question
from hw4.report.ranking import rank_poses, rank_splats
from hw4.report.sections.best import pose_verdict, splat_verdict
from hw4.report.sections.distributions import pose_distribution, splat_distribution
from hw4.report.sections.settings_table import settings_table
from hw4.report.sections.splat_views import first_look
from hw4.report.splat_results import distinct_results
from hw4.report.statistics.confounds import factors, is_confounded
from hw4.report.statistics.pairing import BOUND, SETTING

# On the first screen; the others are folded.
SHOWN_ANSWERS = 4
MAX_ANSWERS = 24
NAMED = 3


def overview_section(findings: Findings) -> Section:
    """What a reader in a hurry needs."""
    section = Section("The answer")
    settings = findings.settings
    poses, splats = rank_poses(settings), rank_splats(settings)
    said: list[Block] = [*pose_verdict(poses, findings), *splat_verdict(splats, findings)]
    answers = _answers(findings)
    said += answers[:SHOWN_ANSWERS]
    if answers[SHOWN_ANSWERS:]:
        more = answers[SHOWN_ANSWERS:MAX_ANSWERS]
        said.append(Folded(f"{len(more)} more questions and answers", more))
    if not _is_whole(findings.folder):
        said.append(Text("Something is missing from these results: what, and why, stands below.", WARNING))
    gallery = first_look(distinct_results(findings.with_splat), splats, findings.options.view)
    pictures: list[Block] = [
        picture
        for picture in (
            pose_distribution(findings, poses),
            gallery or splat_distribution(findings, splats),
        )
        if picture is not None
    ]
    section.blocks += [Columns(said, pictures)] if pictures and said else [*said, *pictures]
    if findings.runs:
        section.blocks.append(settings_table(findings, poses, splats))
    section.blocks += _warnings(findings)
    return section


def _is_whole(folder: Folder) -> bool:
    started = folder.planned is None or len(folder.runs) >= folder.planned
    return started and bool(folder.runs) and all(run.status == OK for run in folder.runs)


def _answers(findings: Findings) -> list[Text]:
    # An oracle answers one question only: how far from the bound a method is.
    asked = [c for c in findings.comparisons if c.kind != SETTING and (c.kind == BOUND or not c.oracles)]
    return [Text(f"{answer(c)} {difference(c)}".strip(), VERDICT, question(c)) for c in asked]


def _warnings(findings: Findings) -> Sequence[Text]:
    confounded = [(c.a, c.b) for c in findings.comparisons if c.warning]
    splats = findings.with_splat
    confounded += [(splats[0], run) for run in splats[1:] if is_confounded(factors(splats[0], run, SPLAT))]
    pairs = list(dict.fromkeys(f"{a.title} and {b.title}" for a, b in confounded))
    if not pairs:
        return []
    more = f"; and {len(pairs) - NAMED} other pairs" if len(pairs) > NAMED else ""
    text = (
        f"WARNING: more than one factor changes between {'; '.join(pairs[:NAMED])}{more}. "
        "Details stand with each comparison."
    )
    return [Text(text, WARNING)]
