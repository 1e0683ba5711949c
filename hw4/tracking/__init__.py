"""Weights & Biases, the only place that imports it."""
