"""``python -m hw4.models.fetch``: the sources of every model's upstream, before they are needed."""

import logging
import sys

from hw4.core.errors import UserError
from hw4.models.network.sources import obtain
from hw4.models.network.upstream import elsewhere
from hw4.models.registry import models


def main() -> int:
    """Fetch what is not there; 1 where that fails.

    Returns:
        The exit status.
    """
    logging.basicConfig(format="%(message)s")
    wheels = {wheel.sha256: wheel for spec in models().values() for wheel in spec.wheels}
    try:
        for wheel in wheels.values():
            if any(elsewhere(wheel, package) is None for package in wheel.packages):
                obtain(wheel)
    except UserError as error:
        print(f"hw4: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
