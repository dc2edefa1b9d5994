"""The .litertlm as a runtime reads it: header, manifest, digests. Whatever the bytes are, the worst is a BundleError.

Imports runtime_spec.errors only.
"""
