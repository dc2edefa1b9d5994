"""A checkpoint's chat template as constant turn pieces, proven by rendering.

A runtime on a phone has no Jinja. So the template is rendered here, in a sandboxed process (`sandbox.py`), the
text around each turn is read off with sentinel contents, and conversations of one to four turns prove that the pieces
say the same as the template. A template that they can't express is an error, never an approximation.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from export.chat.sandbox import DATE_MARK
from export.checkpoint.files import is_there, printable, read_file, read_json
from export.errors import ChatTemplateError, CheckpointError

# For all renders of a template together. A busy machine takes seconds to start each process.
TIME_LIMIT, PROCESSES = 20.0, 5
MAX_TEMPLATE, MAX_CHARACTERS = 2**20, 2**22  # bytes of Jinja; characters of all renders of one process
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
_ROLES = {"model": "assistant"}  # our role → Transformers'

Turns = tuple[tuple[str, str], ...]


class Asked(NamedTuple):
    """What a template is to render: (role, content) turns, whether it ends where the model is to reply, and thinking,
    which the template is told of as a boolean (the text "false" would be true)."""

    turns: Turns
    reply: bool
    thinking: bool = False


class BudgetError(ChatTemplateError):
    """A template that used up its time: it might have an answer, so that nobody may take this for one."""


@dataclass
class Budget:
    """What all renders of one template may take together, wherever they run: it travels with the template."""

    seconds: float = TIME_LIMIT
    processes: int = PROCESSES

    @contextmanager
    def spend(self) -> Iterator[float]:
        """One process: the seconds it has. Raises TimeoutError when time or processes are used up."""
        if self.processes < 1 or self.seconds <= 0:
            raise TimeoutError
        self.processes -= 1
        begun = time.monotonic()
        try:
            yield self.seconds
        finally:
            self.seconds -= time.monotonic() - begun


@dataclass(frozen=True)
class ChatTemplate:
    """Jinja text, the special tokens it may name, the file it came from, and what its renders may take."""

    text: str
    special_tokens: dict[str, str]
    source: str
    budget: Budget = field(default_factory=Budget, compare=False)


@dataclass(frozen=True)
class Rendered:
    """One render: its text, or the kind and message of its error."""

    text: str = ""
    kind: str | None = None
    message: str = ""


def read_chat_template(folder: Path, named: Path | None = None) -> ChatTemplate | None:
    """The template of a Hugging Face checkpoint folder: `named`, a Jinja file in its place, else chat_template.jinja,
    else tokenizer_config.json's; or None.

    Of several named ones it is the one named "default", as in Transformers. ChatTemplateError when a file can't be read
    as what it should be, or is no file of the folder.
    """
    folder = Path(folder)
    config_file = folder / "tokenizer_config.json"
    jinja_file = folder / "chat_template.jinja" if named is None else named.resolve()
    try:
        config = read_json(config_file) if is_there(config_file) else {}
        jinja = read_file(jinja_file, MAX_TEMPLATE).decode("utf-8") if named or is_there(jinja_file) else None
    except CheckpointError as error:
        parts = {"expected": error.expected, "found": error.found, "where": error.where, "action": error.action}
        raise ChatTemplateError(error.title, **parts) from None
    except UnicodeDecodeError as error:
        raise template_error("Chat template can't be read", "text in UTF-8", error.reason, str(jinja_file)) from None
    tokens = {name: _token_text(config.get(name)) for name in SPECIAL_TOKENS}
    special = {name: text for name, text in tokens.items() if text is not None}
    if jinja is not None:
        return ChatTemplate(jinja, special, printable(jinja_file))
    text = config.get("chat_template")
    if isinstance(text, list):
        named = [one.get("template") for one in text if isinstance(one, dict) and one.get("name") == "default"]
        text = named[-1] if named else None
    if text is None:
        return None
    where = printable(config_file)
    if not isinstance(text, str):
        raise template_error("Chat template is not text", "Jinja text", type(text).__name__, where)
    if len(text.encode()) > MAX_TEMPLATE:
        found = f"{len(text.encode()):,} bytes"
        raise template_error("Chat template is too large", f"at most {MAX_TEMPLATE:,} bytes", found, where)
    return ChatTemplate(text, special, where)


def _token_text(value: Any) -> str | None:
    """Special tokens stand as text or as an object with `content`."""
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def render(template: ChatTemplate, conversations: Sequence[Asked]) -> list[Rendered]:
    """Renders conversations in one sandboxed process, paid from the template's budget.

    Errors of single renders come back as `Rendered.kind`; "raised" is the template's own raise_exception.
    ChatTemplateError when the template does not parse, tries to escape, fails, writes what is no Unicode, or exceeds
    memory or size; BudgetError, a kind of it, when it exceeds time.
    """
    renders = [
        {"messages": as_messages(turns), "add_generation_prompt": reply, "enable_thinking": thinking}
        for turns, reply, thinking in conversations
    ]
    answers = render_all(template, renders)
    for asked, answer in zip(conversations, answers, strict=False):
        if answer.kind in ("refused", "failed"):
            raise render_error(answer.kind, answer.message, f"{template.source}, {describe(asked.turns)}")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in answer.text):
            found = "half of a surrogate pair"
            raise template_error("Chat template writes what is no text", "Unicode text", found, template.source)
        if DATE_MARK in answer.text:
            found = "the date of the day (strftime_now)"
            raise template_error(
                "Chat template can't be expressed as constant texts", "constant text", found, template.source
            )
    return answers


def render_all(template: ChatTemplate, renders: Sequence[dict[str, Any]]) -> list[Rendered]:
    """Renders with each of `renders` as variables, `tools` and the like among them; up to the first that fails.

    Raises ChatTemplateError when the template does not parse or its process fails, BudgetError when it exceeds time."""
    request = {
        "template": template.text,
        "variables": {"tools": None, "documents": None, **template.special_tokens},
        "renders": list(renders),
        "max_characters": MAX_CHARACTERS,
    }
    reply = _ask(request, template.source, template.budget)
    if "error" in reply:
        raise render_error(reply["error"]["kind"], reply["error"]["message"], template.source)
    return [_rendered(**one) for one in reply["renders"]]


def _rendered(text: str = "", error: dict[str, str] | None = None) -> Rendered:
    return Rendered(text, error["kind"], error["message"]) if error else Rendered(text)


def as_messages(turns: Turns, as_parts: bool = False) -> list[dict[str, Any]]:
    """Turns as templates get them; `as_parts` with each content as a list of one text part."""

    def form(content: str) -> Any:
        return [{"type": "text", "text": content}] if as_parts else content

    return [{"role": _ROLES.get(role, role), "content": form(content)} for role, content in turns]


def _ask(request: dict[str, Any], source: str, budget: Budget) -> dict[str, Any]:
    program = [sys.executable, "-I", str(Path(__file__).with_name("sandbox.py"))]
    raw = json.dumps(request).encode()
    try:
        with budget.spend() as seconds:
            done = subprocess.run(program, input=raw, capture_output=True, timeout=seconds, env={}, check=False)
    except (subprocess.TimeoutExpired, TimeoutError):
        raise BudgetError(
            "Chat template does not end",
            expected=f"all answers within {TIME_LIMIT:g} seconds and {PROCESSES} processes",
            found="a template still running",
            where=source,
            action="Use the checkpoint's own chat template; on a busy machine, try again.",
        ) from None
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
