"""A name to a checkpoint's folder: one that is here, or a repository on the Hugging Face hub."""

import os
import re
from pathlib import Path

from export.checkpoint.files import printable
from export.errors import CheckpointError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


HUB_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer*"]


def checkpoint_folder(name: str | Path) -> Path:
    """The folder of that name, or the hub's snapshot of that id, fetched. Raises CheckpointError."""
    if os.path.isdir(name):
        return Path(name)
    if os.path.exists(name) or not HUB_ID.fullmatch(str(name)):
        found = "a file" if os.path.exists(name) else "no such folder"
        where = printable(name)
        action = "Name the folder that holds config.json, or a hub id such as google/gemma-4-E2B-it."
        raise CheckpointError(
            f"Checkpoint folder not found: {where}", expected="a folder", found=found, where=where, action=action
        )
    return _download(str(name))


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=HUB_PATTERNS))
    # The client's own errors, its HTTP library's and the system's, different ones from release to release.
    except Exception as error:
        raise CheckpointError(
            f"Checkpoint could not be fetched: {hub_id}",
            expected="a folder of that name here, or that repository on the Hugging Face hub",
            found=(str(error).strip() or type(error).__name__).splitlines()[0],
            where=hub_id,
            action="Download it where there is a network (hf download), then name the folder instead of the hub id.",
        ) from error
