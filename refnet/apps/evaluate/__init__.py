"""`refnet evaluate`."""
