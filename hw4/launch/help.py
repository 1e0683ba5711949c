"""The text of ``--help``, from ``conf/config.yaml`` alone: Hydra would first compose and list all groups."""

from omegaconf import OmegaConf

from hw4.launch.conf import conf_dir
from hw4.launch.register import register


def help_text() -> str:
    """What ``python -m hw4 --help`` prints."""
    register()
    return str(OmegaConf.select(OmegaConf.load(conf_dir() / "config.yaml"), "hydra.help.template"))
