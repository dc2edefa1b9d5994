"""The demo pair that ships with the project, and everything that made it.

`target/` and `drafter/` are ordinary Hugging Face folders. `train.py` makes them from the Python standard
library alone; nothing here is imported by the export itself.
"""
