"""Cameras, points and Gaussians as files of other programs."""
