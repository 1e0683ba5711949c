"""The entrypoint: ``python -m hw4`` and the ``hw4`` console script."""

import atexit

from hw4.launch.signals import end_at_once, end_in_peace, end_with_exceptions
from hw4.launch.threads import settle_threads


def main() -> None:
    """Run the command line."""
    # Before the other imports, for whoever changes their mind while they last.
    end_at_once()
    # What is registered first is done last.
    atexit.register(end_in_peace)
    settle_threads()
    from hw4.launch.cli import main as run

    end_with_exceptions()
    try:
        run()
    finally:
        end_at_once()


if __name__ == "__main__":
    main()
