"""Generates the reference pages from the catalogue and the payload types."""
