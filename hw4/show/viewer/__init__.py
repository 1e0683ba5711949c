"""A finished run in the browser."""
