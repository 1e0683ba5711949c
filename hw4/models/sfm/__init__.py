"""Classical structure from motion with pycolmap."""
