"""How the user called this program."""

import re
import sys
from pathlib import Path

MODULE = "python -m export"


def program() -> str:
    """`slipstream` where that command was called, else `python -m export`."""
    return "slipstream" if Path(sys.argv[0]).stem == "slipstream" else MODULE


def as_called(text: str) -> str:
    """Advice in which every `python -m export` is as the user would call it. Not for text that a user gave."""
    return re.sub(rf"{MODULE}(?![.\w])", program(), text)
