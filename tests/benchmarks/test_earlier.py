"""Before and after: each side's least time counts, what came out is compared, and a failed piece says so."""

import numpy as np
import pytest

from benchmarks import earlier
from benchmarks.earlier import Done, Side, in_turns, largest
from benchmarks.measure import ROOT


def test_sides_take_turns_in_going_first_and_the_least_counts() -> None:
    sides = [Side("now", ROOT, {}), Side("before", ROOT, {})]
    order = []

    def do(side: Side) -> Done:
        order.append(side.name)
        # The second turn is the quicker one of the first side only.
        return Done({"wall": 5.0 - len(order), "cpu": float(len(order))}, {})

    now, before = in_turns(sides, 2, do)
    assert order == ["now", "before", "before", "now"]
    assert now.spent == {"wall": 1.0, "cpu": 1.0} and before.spent == {"wall": 2.0, "cpu": 2.0}


def test_what_came_out_is_compared_where_both_have_it() -> None:
    cameras = np.zeros((2, 3, 4))
    moved = cameras + 0.25
    moved[1] = np.nan
    assert largest([Done({}, {"cam_from_world": one}) for one in (cameras, moved)]) == 0.25


@pytest.mark.slow
def test_a_piece_of_work_of_this_checkout() -> None:
    done = Side("now", ROOT, earlier.SETTLED).do("sample", 1)
    assert done.spent["wall"] > 0 and done.found["bytes"].dtype == np.uint8
    with pytest.raises(SystemExit, match="nothing by now failed:\n.*Traceback"):
        Side("now", ROOT, {}).do("nothing")
