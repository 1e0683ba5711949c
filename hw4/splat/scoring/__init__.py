"""Scores of test renders."""
