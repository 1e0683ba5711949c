"""Training of the small networks on generated scenes."""
