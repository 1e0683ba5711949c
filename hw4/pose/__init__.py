"""Pose metrics and the pose-evaluation stage."""
