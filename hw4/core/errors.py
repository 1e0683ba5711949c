"""The one exception type whose message is meant for the person at the terminal."""


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do.

    The entrypoint prints the message alone and exits with status 1; a traceback follows only under
    ``HYDRA_FULL_ERROR=1``.
    """


class ConfigError(UserError):
    """A configuration value that is impossible or a key that does not exist; the message names the key."""
