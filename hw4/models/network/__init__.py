"""What models with weights share: finding, checking and loading them, devices, photos, upstream's code."""
