"""Cameras that another program has estimated, in its own files, for `task=score`."""
