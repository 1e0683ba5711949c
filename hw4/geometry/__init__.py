"""Cameras, similarity alignment, PnP and camera paths, in numpy."""
