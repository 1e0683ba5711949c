"""Where ``conf/`` is."""

from pathlib import Path

from hw4.core.errors import ConfigError


def conf_dir() -> Path:
    """The folder of config groups: inside the installed package, or at the top of a checkout.

    Raises:
        ConfigError: neither exists.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise ConfigError(f"no conf/config.yaml beside {package}; install the project again (make setup).")
