"""The ports over LiteRT's C API: what the reference loop runs on.

`library` binds the shared library, `compiled` a model's signatures and buffers, `embeddings`, `target` and `drafter`
are the ports, `runtime` opens a bundle. Imports `runtime_spec.reference` and `runtime_spec.bundle`, nothing of export.
"""
