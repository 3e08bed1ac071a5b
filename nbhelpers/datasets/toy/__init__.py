"""Scenes drawn by code, which need no file: a street, eyes and cells."""
