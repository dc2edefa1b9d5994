"""Modules lowered to LiteRT graphs without weights: piece by piece (jobs, lowering, traced, lower), linked to graphs
(link, prune), given widths, tidied and merged."""
