"""Parts to token ids (CHAT.md, Tokens): what a user types is text, never a control token."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from runtime_spec.chat.conversation import SAID, TEMPLATE, Part


@dataclass(frozen=True)
class ControlToken:
    """An id, and whether it takes white space before and behind it along."""

    id: int
    left_strip: bool = False
    right_strip: bool = False


def encode(
    parts: Sequence[Part], bos: int, control: Mapping[str, ControlToken], encode_text: Callable[[str], Iterable[int]]
) -> list[int]:
    """The ids of a context. `control` are the control tokens by their text, `encode_text` gives the ids of a text in
    which none of them is recognised."""
    spelled = re.compile("|".join(map(re.escape, sorted(control, key=len, reverse=True))) or "(?!)")
    ids, text, strips = [bos], "", False

    def cut(left_strip: bool = False) -> None:
        nonlocal text
        text = text.lstrip() if strips else text
        text = text.rstrip() if left_strip else text
        if text:
            ids.extend(encode_text(text))
        text = ""

    for part in parts:
        if part.kind == SAID:
            cut()
            ids += part.tokens
            strips = False
            continue
        at = 0
        for match in spelled.finditer(part.text) if part.kind == TEMPLATE else ():
            token = control[match.group()]
            text += part.text[at : match.start()]
            at = match.end()
            cut(token.left_strip)
            strips = token.right_strip
            if token.id != bos:
                ids.append(token.id)
        text += part.text[at:]
    cut()
    return ids
