"""Benchmarks: ratios against a named peer, measured in the same run. See `benchmarks/README.md`."""
