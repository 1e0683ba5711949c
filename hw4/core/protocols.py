"""The names of the protocols of pose errors; `hw4.pose.metrics.relative_from_cameras` says what each does."""

RELATIVE, HOMEWORK, VGGT = "relative", "homework", "vggt"
