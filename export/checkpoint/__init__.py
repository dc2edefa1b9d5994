"""A Hugging Face folder read and checked before any work: config, tensors, tokenizer, and whether a pair fits.

Imports errors only; neither torch nor transformers.
"""
