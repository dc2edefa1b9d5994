"""litert-torch 0.10.0. `apply()` before importing anything from litert_torch."""

import importlib.machinery
import importlib.util
import logging
import sys
import types

TENSORFLOW_PARTS = ("tensorflow", "tensorflow.lite", "tensorflow.lite.python")


def apply() -> None:
    """Makes litert_torch importable and quiet."""
    provide_schema_module()
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    logging.getLogger("torch.export").setLevel(logging.ERROR)


def provide_schema_module() -> None:
    """litert_torch imports tensorflow.lite.python.schema_py_generated without depending on tensorflow
    (ModuleNotFoundError: tensorflow). ai-edge-litert ships the same generated module."""
    if "tensorflow" in sys.modules or importlib.util.find_spec("tensorflow") is not None:
        return
    from ai_edge_litert import schema_py_generated as schema

    for name in TENSORFLOW_PARTS:
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module
    sys.modules["tensorflow.lite.python"].schema_py_generated = schema
    sys.modules["tensorflow.lite.python.schema_py_generated"] = schema
