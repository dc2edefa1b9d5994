"""A drafter trained on its target's own greedy text: forward passes over Transformers' layers, that text, the loss, the
loop around them, and the folder that comes of it.

`plan.py` imports neither torch nor transformers. The demo pair's training uses the rest.
"""
