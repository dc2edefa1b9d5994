"""Two checkpoints in, one verified bundle and an Android project out.

Folders in the order of the data: choices (device, recipe, prompts) and checkpoint are read, chat is made of the
template, modules are traced, graphs lowered, weights streamed, bundle written, evidence gathered, android rendered.
cli asks, pipeline.py runs the stages, plan.py says beforehand what they will do. May use runtime_spec, never the
reverse; which folder may import which is in tests/export/test_imports.py.
"""

__version__ = "0.1.0"
