"""The pages of the reference that are made from the catalogue and the payload types."""
