"""What was measured about one sample, in sentences: every number and every reason is a measurement's."""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from hw4.core.protocols import HOMEWORK
from hw4.geometry.pnp import FLAT
from hw4.pose.crossfade import MAX_ENDS_ALIKE, MIN_EXPLAINED, NOTHING, VIEW
from hw4.show.case.matches import FLAT_SHARE, MIN_INLIERS
from hw4.show.case.result import CaseInput, CaseResult

SAME_DEG = 0.05
# What points of a shape leave open about the camera that sees them.
LACKING = {
    "plane": "two cameras can see a plane in nearly the same way",
    "line": "the camera may turn about that line and still see them in the same pixels",
    "point": "the camera may be anywhere around it",
}


def explain(result: CaseResult) -> list[str]:
    """Sentences about the sample, in the order in which one asks: how wide, how wrong, why."""
    sentences = [_how_wide(result.inputs[0])]
    sentences += [_how_wrong(one) for one in result.inputs]
    if result.protocol == HOMEWORK:
        sentences.append(_by_relative_poses(result.inputs))
    sentences += _difference(result.inputs)
    for one in result.inputs:
        sentences += [_matches(one), *_frames(one), *_shapes(one), *_pnp(one)]
    return sentences


def _how_wide(one: CaseInput) -> str:
    angle, yaw = one.result.true_angle_deg, one.result.true_yaw_deg
    if angle is None or yaw is None:
        return f"The true cameras of sample {one.result.sample.idx} are not known."
    return (
        f"The two true cameras of sample {one.result.sample.idx} are turned {angle:.1f}° against each other "
        f"(yaw {yaw:.1f}°)."
    )


def _how_wrong(one: CaseInput) -> str:
    error, prediction = one.result.error, one.result.prediction
    seen = f"With input={one.name} ({one.n_views} views)"
    if error.rotation_deg is None:
        return f"{seen} there is no result: {prediction.reason or error.reason}."
    if error.translation_deg is not None:
        direction = f"the direction of the translation by {error.translation_deg:.2f}°"
    elif error.has_true_direction:
        direction = "the estimated translation is zero and has no direction"
    else:
        truth = one.result.sample.cam_from_world
        known = truth is not None and bool(np.isfinite(truth).all())
        direction = "the true translation is " + ("zero and has no direction" if known else "not known")
    return f"{seen} the rotation is wrong by {error.rotation_deg:.2f}°, {direction}."


def _by_relative_poses(inputs: Sequence[CaseInput]) -> str:
    known = [
        f"{error.rotation_deg:.2f}° with input={one.name}"
        for one in inputs
        if (error := one.result.relative) is not None and error.rotation_deg is not None
    ]
    text = "These errors are by the homework's protocol, which depends on the world frame"
    return (
        f"{text}; by relative poses the rotation is wrong by {' and '.join(known)}." if known else f"{text}."
    )


def _difference(inputs: Sequence[CaseInput]) -> list[str]:
    if len(inputs) != 2:
        return []
    first, second = (one.result.error.rotation_deg for one in inputs)
    if first is None or second is None:
        return ["The two inputs cannot be compared: one of them has no result."]
    change = second - first
    frames = f"The {inputs[1].n_views - 2} frames between the photos"
    if abs(change) < SAME_DEG:
        return [f"{frames} change the rotation error by less than {SAME_DEG}°."]
    return [f"{frames} {'lower' if change < 0 else 'raise'} the rotation error by {abs(change):.2f}°."]


def _matches(one: CaseInput) -> str:
    measured = [m.parallax for m in one.matched]
    if len(measured) == 1:
        p = measured[0]
        start = (
            f"Between the two photos, {p.n_matches} SIFT matches pass the ratio test and {p.n_epipolar} fit "
            "one epipolar geometry"
        )
        if not p.enough:
            return f"{start}: too few (under {MIN_INLIERS}) to say anything about parallax."
        share = f"{100 * p.homography_share:.0f} % of these also fit one homography"
        if p.verdict == "no parallax":
            return f"{start}; {share}: they show no parallax, and depth cannot be seen in them."
        return f"{start}; {share}, the others show parallax."
    verdicts = [p.verdict for p in measured]
    meanings = {
        "parallax": "show parallax",
        "no parallax": f"show none (one homography explains {100 * FLAT_SHARE:.0f} % of the matches or more)",
        "too few matches": f"have too few matches to say (under {MIN_INLIERS})",
    }
    found = [f"{verdicts.count(v)} of them {text}" for v, text in meanings.items() if v in verdicts]
    median = statistics.median(p.n_epipolar for p in measured)
    text = (
        f"In the {len(measured)} steps from view to view, the median is {median:.0f} matches that fit one "
        f"epipolar geometry; {', '.join(found)}"
    )
    known = [p for p in measured if p.enough and p.parallax_px is not None]
    if known:
        most = max(known, key=lambda p: p.parallax_px or 0.0)
        text += (
            f"; the largest parallax is {most.parallax_px:.1f} px of {most.long_edge}, from view "
            f"{most.first} to {most.second}"
        )
    weakest = min(measured, key=lambda p: p.n_epipolar)
    return f"{text}; fewest matches: {weakest.n_epipolar}, from view {weakest.first} to {weakest.second}."


def _frames(one: CaseInput) -> list[str]:
    fade = one.crossfade
    if fade is None:
        return []
    if fade.verdict != NOTHING:
        return [f"{str(fade)[0].upper()}{str(fade)[1:]}."]
    if fade.ends_alike > MAX_ENDS_ALIKE:
        return [
            f"The two photos are too alike (one explains {100 * fade.ends_alike:.0f} % of the other, "
            "zoomed or panned) to tell a cross-fade from true frames."
        ]
    if VIEW not in fade.kinds:
        return [
            "Most frames are one of the photos, zoomed or panned, as a camera sees that turns a little: the "
            "pictures alone do not tell whether they are true views."
        ]
    least = int(fade.explained.argmin())
    share = 100 * max(0.0, float(fade.explained[least]))
    return [
        f"The frames are no mere cross-fade: a blend of the two photos explains {share:.0f} % of frame "
        f"{least + 1}, and a cross-fade at least {100 * MIN_EXPLAINED:.0f} %."
    ]


def _shapes(one: CaseInput) -> list[str]:
    if not one.shapes:
        return []
    degenerate = {where: shape for where, shape in one.shapes.items() if shape.degenerate}
    if degenerate:
        return [f"With input={one.name}, {where}, as reconstructed: {s}." for where, s in degenerate.items()]
    where, flattest = min(one.shapes.items(), key=lambda item: item[1].flatness)
    return [
        f"With input={one.name} the points fill a volume (flattest: {where}, smallest over largest singular "
        f"value {flattest.flatness:.3f}; below {FLAT:g} they would count as a plane)."
    ]


def _pnp(one: CaseInput) -> list[str]:
    """Where PnP failed and why, from what the alignment recorded; the reasons are named where measured."""
    if one.reconstruction is None:
        return []
    notes: Any = one.reconstruction.notes.get("pnp")
    if notes is None:
        return ["This model places its cameras without PnP."] if one.name == "pair" else []
    if not notes:
        return [
            f"With input={one.name} the alignment placed every view by registration and asked PnP for none."
        ]
    plain = [view for view, note in notes.items() if not note["problem"] and note["points"] == "volume"]
    sentences = []
    if plain:
        views = f"view{'s' if len(plain) > 1 else ''} {', '.join(plain)}"
        sentences.append(f"With input={one.name}, PnP (SQPnP) placed {views} at the first attempt.")
    for view, note in notes.items():
        kind, problem = note["points"], note["problem"]
        if problem:
            ends = {"none": "no other solver placed it", "identity": "it was left at the identity"}
            end = ends.get(note["method"], f"{note['method']} placed it")
            text = f"With input={one.name}, SQPnP failed on view {view} ({problem}), and {end}"
            if kind in LACKING:
                text += f". The points it was given are {kind}-like: {LACKING[kind]}"
        elif kind in LACKING:
            text = (
                f"With input={one.name}, PnP placed view {view}, but the points it was given are "
                f"{kind}-like: {LACKING[kind]}"
            )
        else:
            continue
        if kind in LACKING and one.crossfade is not None and one.crossfade.found:
            text += "; the frames fade between the photos and show no depth"
        sentences.append(f"{text}.")
    return sentences
