"""Values of overrides whatever their characters."""


def quoted(text: str) -> str:
    """A text as the value of an override."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
