"""What is traced: Gemma 4's text model and its drafter as graphs of plain operations, one file a graph, each a
composition of pieces (pieces.py).

Parameter names are the checkpoint's tensor names without prefix, so a lowered weight names the tensor that fills it.
Imports torch and `export.checkpoint`'s configs only; used by `jobs` over placeholders and by tests over real weights.

Shapes: T tokens, S cache slots, H hidden size, L layers, P per-layer embedding size, N heads, K key-value heads,
G = N / K, D head size (by layer type), V vocabulary.
"""
