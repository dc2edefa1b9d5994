"""What every runtime of a Slipstream bundle must do.

The specification (DECODE.md, TRACES.md, schema/), its vectors (scenarios/, digest.txt), the reference in plain
Python (reference/: token ids only, no weights), scripted models to drive it (scripted.py, fuzz.py), planted faults
that the vectors must catch (mutants.py), the bundle's reader (bundle.py, manifest.py) and the ports over LiteRT
(litert/). `python -m runtime_spec record|verify|digest` keeps vectors and reference in step.
May be imported by anyone; imports nothing from `export`, and nothing heavy outside litert/.
"""
