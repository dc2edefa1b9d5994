"""The decoding loop in plain Python, the truth that every other runtime is held to.

ports.py says what the loop asks of a model; plan and accept are the rules; decode_loop puts them in order;
session.py is a conversation; trace, record, replay and stats write down, make, check and sum up what happened.
Knows token ids only. Imports runtime_spec.errors, runtime_spec.sampling and the standard library, nothing else.
"""
