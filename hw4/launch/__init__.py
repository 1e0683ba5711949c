"""The Hydra edge: config registration, sweep checks, error sentences, the task function."""
