"""Finished runs, read back from disk."""
