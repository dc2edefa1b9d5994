"""Rows of a checkpoint to stored bytes: how each weight of a graph is stored, and the stream that writes it."""
