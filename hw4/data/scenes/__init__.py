"""Scenes to splat: training and test views with cameras, and points."""
