"""Where this machine keeps what can be made again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/slipstream, or ~/.cache/slipstream. A relative $XDG_CACHE_HOME does not count, as the XDG Base
    Directory Specification says. The folder need not be there."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if os.path.isabs(root) else Path.home() / ".cache") / "slipstream"
