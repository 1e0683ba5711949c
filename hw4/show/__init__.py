"""Results to look at: panels, 3D files, one sample explained, a viewer in the browser."""
