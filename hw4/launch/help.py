"""The text of ``--help``, from ``conf/config.yaml`` alone: Hydra would first compose and list all groups."""

from omegaconf import OmegaConf

from hw4.config.stages import task_lines
from hw4.data.registry import data_configs
from hw4.launch.conf import conf_dir
from hw4.models.registry import model_configs

# Where the second column of the text begins.
INDENT = " " * 9


def register_words() -> None:
    """Let the text ask for the tasks, models and data sets that there are; safe to call twice."""
    OmegaConf.register_new_resolver("hw4.tasks", lambda: f"\n{INDENT}".join(task_lines()), replace=True)
    OmegaConf.register_new_resolver("hw4.models", lambda: " | ".join(model_configs()), replace=True)
    OmegaConf.register_new_resolver("hw4.data", lambda: " | ".join(data_configs()), replace=True)


def help_text() -> str:
    """What ``python -m hw4 --help`` prints."""
    register_words()
    return str(OmegaConf.select(OmegaConf.load(conf_dir() / "config.yaml"), "hydra.help.template"))
