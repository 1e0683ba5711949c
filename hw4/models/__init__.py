"""Reconstruction models behind one interface."""
