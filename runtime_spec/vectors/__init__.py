"""What holds implementations together: scripted models, named scenarios, ten thousand folded into one hash, mutants.

Imports runtime_spec.reference and runtime_spec.errors.
"""
