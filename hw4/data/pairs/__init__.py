"""Pairs of photos with their video frames and ground truth."""
