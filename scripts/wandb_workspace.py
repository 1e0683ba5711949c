"""Create the project's W&B workspace: python scripts/wandb_workspace.py ENTITY [PROJECT] (needs a login)."""

import argparse
import sys

from hw4.core.errors import UserError
from hw4.tracking.workspace import build_workspace


def main() -> None:
    """Save the workspace and print its address; one sentence where it cannot be saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entity")
    parser.add_argument("project", nargs="?", default="hw4")
    options = parser.parse_args()
    try:
        workspace = build_workspace(options.entity, options.project)
    except UserError as error:
        sys.exit(str(error))
    try:
        print(workspace.save().url)
    except Exception as error:
        sys.exit(
            f"W&B did not take the workspace ({error}); check `wandb login` and that the project exists."
        )


if __name__ == "__main__":
    main()
