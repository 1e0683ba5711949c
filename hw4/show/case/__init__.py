"""One sample under both inputs, explained."""
