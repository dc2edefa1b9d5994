"""A checkpoint's chat template as constant turn pieces, proven by rendering.

A runtime on a phone has no Jinja. So the template is rendered here, in a sandboxed process (`chat_sandbox.py`), the
text around each turn is read off with sentinel contents, and conversations of one to four turns prove that the pieces
say the same as the template. A template that they can't express is an error, never an approximation.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.chat.sandbox import DATE_MARK
from export.errors import ChatTemplateError

TIME_LIMIT = 10.0  # seconds for all renders together
MAX_TEMPLATE, MAX_CHARACTERS = 2**20, 2**20
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
_ROLES = {"model": "assistant"}  # our role → Transformers'

Turns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ChatTemplate:
    """Jinja text, the special tokens it may name, and the file it came from."""

    text: str
    special_tokens: dict[str, str]
    source: str


@dataclass(frozen=True)
class Rendered:
    """One render: its text, or the kind and message of its error."""

    text: str = ""
    kind: str | None = None
    message: str = ""


def read_chat_template(folder: Path, named: Path | None = None) -> ChatTemplate | None:
    """The template of a Hugging Face checkpoint folder: `named`, a Jinja file in its place, else chat_template.jinja,
    else tokenizer_config.json's; or None.

    ChatTemplateError when a file can't be read as what it should be.
    """
    folder = Path(folder)
    config_file, jinja_file = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    config = _read_json(config_file)
    tokens = {name: _token_text(config.get(name)) for name in SPECIAL_TOKENS}
    special = {name: text for name, text in tokens.items() if text is not None}
    if named is not None:
        return ChatTemplate(_read_text(named), special, str(named))
    if jinja_file.exists():
        return ChatTemplate(_read_text(jinja_file), special, str(jinja_file))
    text = config.get("chat_template")
    if isinstance(text, list):
        named = {item.get("name"): item.get("template") for item in text if isinstance(item, dict)}
        text = named.get("default")
    if text is None:
        return None
    if not isinstance(text, str):
        raise template_error("Chat template is not text", "Jinja text", type(text).__name__, str(config_file))
    return ChatTemplate(text, special, str(config_file))


def _read_json(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        value = json.loads(_read_text(file, limit=64 * 2**20))
    except (ValueError, RecursionError) as error:
        raise template_error("Tokenizer configuration can't be read", "a JSON object", str(error), str(file)) from None
    if not isinstance(value, dict):
        raise template_error("Tokenizer configuration can't be read", "a JSON object", type(value).__name__, str(file))
    return value


def _read_text(file: Path, limit: int = MAX_TEMPLATE) -> str:
    try:
        if file.stat().st_size > limit:
            raise template_error(
                "Chat template is too large", f"at most {limit} bytes", f"{file.stat().st_size}", str(file)
            )
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise template_error("Chat template can't be read", "UTF-8 text", str(error), str(file)) from None


def _token_text(value: Any) -> str | None:
    """Special tokens stand as text or as an object with `content`."""
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def render(
    template: ChatTemplate,
    conversations: Sequence[tuple[Turns, bool]],
    time_limit: float = TIME_LIMIT,
    as_parts: bool = False,
) -> list[Rendered]:
    """Renders (turns, add_generation_prompt) pairs in one sandboxed process.

    `as_parts` hands each content over as a list of one text part instead of as text.
    Errors of single renders come back as `Rendered.kind`; "raised" is the template's own raise_exception.
    ChatTemplateError when the template does not parse, tries to escape, fails, or exceeds time, memory or size.
    """
    variables = {"tools": None, "documents": None, **template.special_tokens}
    renders = [
        {"messages": _messages(turns, as_parts), "add_generation_prompt": prompt} for turns, prompt in conversations
    ]
    request = {
        "template": template.text,
        "variables": variables,
        "renders": renders,
        "max_characters": MAX_CHARACTERS,
    }
    reply = _ask(request, template.source, time_limit)
    if "error" in reply:
        raise render_error(reply["error"]["kind"], reply["error"]["message"], template.source)
    answers = [Rendered(r.get("text", ""), *r.get("error", {}).values()) for r in reply["renders"]]
    for (turns, _), answer in zip(conversations, answers, strict=False):
        if answer.kind in ("refused", "failed"):
            raise render_error(answer.kind, answer.message, f"{template.source}, {describe(turns)}")
        if DATE_MARK in answer.text:
            found = "the date of the day (strftime_now)"
            raise template_error(
                "Chat template can't be expressed as turn pieces", "constant text", found, template.source
            )
    return answers


def _messages(turns: Turns, as_parts: bool) -> list[dict[str, Any]]:
    def form(content: str) -> Any:
        return [{"type": "text", "text": content}] if as_parts else content

    return [{"role": _ROLES.get(role, role), "content": form(content)} for role, content in turns]


def _ask(request: dict[str, Any], source: str, time_limit: float) -> dict[str, Any]:
    program = [sys.executable, "-I", str(Path(__file__).with_name("sandbox.py"))]
    try:
        done = subprocess.run(
            program, input=json.dumps(request).encode(), capture_output=True, timeout=time_limit, env={}, check=False
        )
    except subprocess.TimeoutExpired:
        expected = f"an answer within {time_limit:g} seconds"
        raise template_error("Chat template does not end", expected, "a template still running", source) from None
    if done.returncode != 0:
        found = f"a renderer that ended with {done.returncode}: {done.stderr[-200:].decode(errors='replace').strip()}"
        raise template_error("Chat template could not be rendered", "rendered text", found, source)
    return json.loads(done.stdout)


def describe(turns: Turns) -> str:
    return "conversation " + ", ".join(f"{role} {content[:24]!r}" for role, content in turns)


def render_error(kind: str, message: str, where: str) -> ChatTemplateError:
    titles = {
        "refused": "Chat template refused: it reaches for what a template must not touch",
        "syntax": "Chat template is not valid Jinja",
        "raised": "Chat template refuses a plain conversation",
    }
    return template_error(titles.get(kind, "Chat template failed"), "a template that renders turns", message, where)


def template_error(title: str, expected: str, found: str, where: str) -> ChatTemplateError:
    action = "Use the checkpoint's own chat template, or one with constant text around each turn's content."
    return ChatTemplateError(title, expected=expected, found=found, where=where, action=action)
