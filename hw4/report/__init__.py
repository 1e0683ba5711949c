"""Tables, figures and comparisons, made from results on disk."""

# What a sweep set out to do, so that a report of an interrupted one can say what never started.
PLAN_FILE = "sweep.json"
