"""Data on disk and data made here: pairs, scenes, interpolated frames, the sample generator."""
