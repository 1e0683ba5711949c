"""VGGT: all views in one forward pass."""
