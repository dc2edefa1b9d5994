"""The licence that a checkpoint's model card (README.md) names in its metadata, as the Hugging Face hub reads it:
`license`, or `license_name` where that is `other`, and `license_link`."""

import os
import re
from contextlib import suppress

import yaml

from export.checkpoint.files import MIB, is_there, printable, read_file
from export.checkpoint.hub import Located
from export.errors import BundleError, CheckpointError, OutputError
from runtime_spec.bundle.manifest import License

CARD = "README.md"
MAX_CARD, MAX_METADATA = MIB, MIB // 4
"""Bytes, and characters: YAML is read slowly."""
METADATA = re.compile(r"\ufeff?\s*---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


def read_license(located: Located) -> License | None:
    """None where there is no card or it names none. An export does without: no card is worth an error, but one of the
    hub's cache that is not the hub's.

    Raises CheckpointError for that one."""
    path = located.folder / CARD
    listed = located.snapshot and located.snapshot.files.get(CARD)
    if listed and listed.size <= MAX_CARD:
        if os.path.exists(path):
            located.fetch([CARD])
        else:
            with suppress(CheckpointError, OutputError):  # offline, say
                located.fetch([CARD])
    try:
        text = read_file(path, MAX_CARD).decode() if is_there(path) else ""
        found = METADATA.match(text)
        values = yaml.safe_load(found[1]) if found and len(found[1]) <= MAX_METADATA else None
    except (CheckpointError, ValueError, ArithmeticError, RecursionError, yaml.YAMLError):
        return None
    return _license(values, located) if isinstance(values, dict) else None


def _license(values: dict, located: Located) -> License | None:
    name, link = values.get("license"), values.get("license_link")
    if name == "other":
        name = values.get("license_name") or name
    names = name if isinstance(name, list) else [name]
    said = ", ".join(" ".join(one.split()) for one in names[:10] if isinstance(one, str) and one.split())
    if said != printable(said):  # YAML can spell half of a surrogate pair, which no manifest holds
        return None
    with suppress(BundleError):
        return License(said, _address(link, located))
    with suppress(BundleError):
        return License(said, None)
    return None


def _address(link: object, located: Located) -> str | None:
    """A file of the repository, as cards name their LICENSE, is one of the hub's pages."""
    if not isinstance(link, str):
        return None
    link = link.strip()
    if located.snapshot and link in located.snapshot.files:
        from huggingface_hub import constants

        return f"{constants.ENDPOINT}/{located.id}/blob/{located.revision}/{link}"
    return link
