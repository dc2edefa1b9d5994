"""Modules lowered to LiteRT graphs without weights: lowered once per shape, then given widths, tidied and merged."""
