"""Whether the finished models are right, and how fast: against_float.py, golden_traces.py and speed.py, which do not
import each other. Each is given models and prompts, and returns frozen dataclasses or trace texts.

float_logits.py and float_ports.py are what is compared with; encoder.py and size.py are shared by all.
"""
