"""What every runtime of a Slipstream bundle must do.

The specification (DECODE.md, TRACES.md), the reference in plain Python (reference/: token ids only, no weights;
sampling/: from logits to tokens), its vectors with the scripted models that drive them and the planted faults that they
must catch (vectors/), the bundle's reader (bundle/) and the ports over LiteRT (litert/).
`python -m runtime_spec record|verify|digest` keeps vectors and reference in step.
May be imported by anyone; imports nothing from `export`, and nothing heavy outside bundle/ and litert/.
"""
