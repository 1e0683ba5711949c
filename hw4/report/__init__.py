"""Tables, figures and comparisons, made from results on disk."""
