"""The user's own photos, reconstructed and drawn."""
