"""One reader a format; each gives an `Export`."""
