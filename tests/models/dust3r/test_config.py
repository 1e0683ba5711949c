"""Which keys of the alignment a run reads."""

import pytest

from hw4.config.decides import pose_address
from hw4.launch.sweep import plan
from tests.support.cli import refused


@pytest.mark.parametrize("model", ["dust3r", "mast3r"])
def test_samples_of_many_views_are_told_apart_by_the_alignment(model: str) -> None:
    common = ["task=pose", "data=tum", "data.root=desk", f"model={model}", "model.weights=random"]
    jobs = plan([*common, "model.alignment.lr=0.1,0.2"], multirun=True).jobs
    addresses = {pose_address(job, "weights") for job in jobs}
    assert len(addresses) == 2
    pairs = ["task=pose", "input=pair", f"model={model}", "model.weights=random"]
    assert "model.alignment.lr" in refused(*pairs, "model.alignment.lr=0.1,0.2", multirun=True)
