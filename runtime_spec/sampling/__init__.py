"""From logits to tokens: the greedy choice, drawing, and what drafts are judged by (DECODE.md, *Sampling*).

parameters.py says what may be chosen; random, exponential, penalty and filtered are the rules, one number after the
other; sampler.py puts them in order. Plain Python, bit for bit the same in every language; `rows.py` is what a port may
do faster. Imports runtime_spec.errors and the standard library, nothing else.
"""
