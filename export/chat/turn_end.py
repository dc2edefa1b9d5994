"""The token that a template writes behind a reply: where a model that was trained on it stops."""

from collections.abc import Mapping

from runtime_spec.chat.format import ChatFormat


def turn_end(format: ChatFormat, added: Mapping[str, int]) -> int | None:
    """The id of the added token that stands behind a reply, before anything but white space; None if none does."""
    written = format.model.suffix.lstrip()
    found = max((text for text in added if text and written.startswith(text)), key=len, default=None)
    return None if found is None else added[found]
