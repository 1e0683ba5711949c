"""The entrypoint: ``python -m hw4`` and the ``hw4`` console script."""

from hw4.launch.cli import main

if __name__ == "__main__":
    main()
