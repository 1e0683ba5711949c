"""The command ``hw4 doctor``."""

import argparse
from collections.abc import Sequence

from hw4.launch.doctor.gpu import gpu
from hw4.launch.doctor.section import as_text
from hw4.launch.doctor.software import packages, program
from hw4.launch.doctor.sources import sources
from hw4.launch.doctor.storage import disks, logging, weights


def run_doctor(arguments: Sequence[str]) -> int:
    """Print what a report of a fault needs; 1 where something is wrong."""
    description = "What a report of a fault needs, and what is wrong here. Nothing is changed or fetched."
    argparse.ArgumentParser("hw4 doctor", description=description).parse_args(arguments)
    sections = [examine() for examine in (program, packages, gpu, sources, weights, disks, logging)]
    print(as_text(sections))
    return int(any(section.problems for section in sections))
