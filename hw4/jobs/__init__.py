"""A job: the selected stages of one configuration, with their results on disk and on W&B."""
