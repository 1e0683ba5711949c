"""Compiled kernels are kept, and are compiled again when a file that they take constants from has changed."""

from pathlib import Path

import numpy as np
import pytest
from numba import config

from hw4.splat.rasterize import compiled
from hw4.splat.rasterize.lanes import (
    LANES,
    any_of,
    eight_totals,
    load,
    minus_abs,
    ramp,
    select,
    splat,
    store,
    total,
)


def _one(x):  # type: ignore[no-untyped-def]
    return x + 1


def test_a_change_in_any_file_of_the_rasterizer_compiles_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    hits = []
    for digest in (b"as it was", b"as it was", b"changed"):
        monkeypatch.setattr(compiled, "_digest", lambda digest=digest: digest)
        kernel = compiled.kernel(nogil=True)(_one)
        assert kernel(1) == 2
        hits.append(sum(kernel.stats.cache_hits.values()))
    assert hits == [0, 1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lanes_count_as_numpy_does(dtype: type[np.floating]):
    @compiled.njit
    def count(x, y, out, sums):  # type: ignore[no-untyped-def]
        a, b = load(x, 1), load(y, 0)
        mask = (a >= b) & (a > x.dtype.type(0))
        chosen = select(mask, a * b + ramp(x[0]), a / b - splat(x[0]))
        store(out, 0, chosen)
        eight = (a, b, chosen, max(a, b), min(a, b), minus_abs(a), a + b, a - b)
        store(sums, 0, eight_totals(eight))
        return total(chosen), any_of(mask), any_of(a < a)

    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, LANES + 1)).astype(dtype)
    out, sums = np.empty((2, LANES), dtype)
    a, b = x[1:], y[:-1]
    expected = np.where((a >= b) & (a > 0), a * b + x[0] + np.arange(LANES), a / b - x[0])
    summed, some, none = count(x, y, out, sums)
    np.testing.assert_allclose(out, expected, rtol=10 * np.finfo(dtype).eps)
    np.testing.assert_allclose(summed, expected.sum(), rtol=100 * np.finfo(dtype).eps)
    eight = (a, b, expected, np.maximum(a, b), np.minimum(a, b), -abs(a), a + b, a - b)
    np.testing.assert_allclose(sums, np.sum(eight, axis=1), rtol=100 * np.finfo(dtype).eps)
    assert some and not none
