"""The names of the protocols of pose errors; `hw4.pose.metrics.relative_from_cameras` says what each does."""

RELATIVE, HOMEWORK = "relative", "homework"
# Called by people after one paper that uses it; it has nothing to do with that paper's model.
PAPERS = "vggt"
