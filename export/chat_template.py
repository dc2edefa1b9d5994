"""A checkpoint's chat template as constant turn pieces, proven by rendering.

A runtime on a phone has no Jinja. So the template is rendered here, in a sandboxed process (`chat_sandbox.py`), the
text around each turn is read off with sentinel contents, and conversations of one to four turns prove that the pieces
say the same as the template. A template that they can't express is an error, never an approximation.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.chat_sandbox import DATE_MARK
from export.errors import ChatTemplateError
from runtime_spec.manifest import ChatPieces

TIME_LIMIT = 10.0  # seconds for all renders together
MAX_TEMPLATE, MAX_CHARACTERS = 2**20, 2**20
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
_ROLES = {"model": "assistant"}  # our role → Transformers'
_SYSTEM, _USER, _MODEL, _AGAIN = "Qsystemq", "Quserq", "Qmodelq", "Qagainq"

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


def read_chat_template(folder: Path) -> ChatTemplate | None:
    """The template of a Hugging Face checkpoint folder: chat_template.jinja, else tokenizer_config.json's; or None.

    ChatTemplateError when a file can't be read as what it should be.
    """
    folder = Path(folder)
    config_file, jinja_file = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    config = _read_json(config_file)
    tokens = {name: _token_text(config.get(name)) for name in SPECIAL_TOKENS}
    special = {name: text for name, text in tokens.items() if text is not None}
    if jinja_file.exists():
        return ChatTemplate(_read_text(jinja_file), special, str(jinja_file))
    text = config.get("chat_template")
    if isinstance(text, list):
        named = {item.get("name"): item.get("template") for item in text if isinstance(item, dict)}
        text = named.get("default")
    if text is None:
        return None
    if not isinstance(text, str):
        raise _error("Chat template is not text", "Jinja text", type(text).__name__, str(config_file))
    return ChatTemplate(text, special, str(config_file))


def _read_json(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        value = json.loads(_read_text(file, limit=64 * 2**20))
    except (ValueError, RecursionError) as error:
        raise _error("Tokenizer configuration can't be read", "a JSON object", str(error), str(file)) from None
    if not isinstance(value, dict):
        raise _error("Tokenizer configuration can't be read", "a JSON object", type(value).__name__, str(file))
    return value


def _read_text(file: Path, limit: int = MAX_TEMPLATE) -> str:
    try:
        if file.stat().st_size > limit:
            raise _error("Chat template is too large", f"at most {limit} bytes", f"{file.stat().st_size}", str(file))
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _error("Chat template can't be read", "UTF-8 text", str(error), str(file)) from None


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
        raise _render_error(reply["error"]["kind"], reply["error"]["message"], template.source)
    answers = [Rendered(r.get("text", ""), *r.get("error", {}).values()) for r in reply["renders"]]
    for (turns, _), answer in zip(conversations, answers, strict=False):
        if answer.kind in ("refused", "failed"):
            raise _render_error(answer.kind, answer.message, f"{template.source}, {_describe(turns)}")
        if DATE_MARK in answer.text:
            found = "the date of the day (strftime_now)"
            raise _error("Chat template can't be expressed as turn pieces", "constant text", found, template.source)
    return answers


def _messages(turns: Turns, as_parts: bool) -> list[dict[str, Any]]:
    def form(content: str) -> Any:
        return [{"type": "text", "text": content}] if as_parts else content

    return [{"role": _ROLES.get(role, role), "content": form(content)} for role, content in turns]


def engine_template(template: ChatTemplate) -> str | None:
    """The template's text if LiteRT-LM can use it, else None: it then makes its own from the turn pieces.

    LiteRT-LM's conversations hand every content over as a list of parts (seen in 0.18.1). Many templates concatenate
    it with text and fail, or trim it and print the list.
    """
    conversations = _sentinel_conversations()
    try:
        plain, parts = render(template, conversations), render(template, conversations, as_parts=True)
    except ChatTemplateError:
        return None
    return template.text if plain == parts else None


def _ask(request: dict[str, Any], source: str, time_limit: float) -> dict[str, Any]:
    program = [sys.executable, "-I", str(Path(__file__).with_name("chat_sandbox.py"))]
    try:
        done = subprocess.run(
            program, input=json.dumps(request).encode(), capture_output=True, timeout=time_limit, env={}, check=False
        )
    except subprocess.TimeoutExpired:
        expected = f"an answer within {time_limit:g} seconds"
        raise _error("Chat template does not end", expected, "a template still running", source) from None
    if done.returncode != 0:
        found = f"a renderer that ended with {done.returncode}: {done.stderr[-200:].decode(errors='replace').strip()}"
        raise _error("Chat template could not be rendered", "rendered text", found, source)
    return json.loads(done.stdout)


def turn_pieces(template: ChatTemplate) -> ChatPieces:
    """Pieces that say what the template says, proven; ChatTemplateError names the conversation that differs."""
    sentinels = _sentinel_conversations()
    proofs = _proof_conversations()
    answers = render(template, [*sentinels, *proofs])
    asked, system = answers[: len(sentinels)], answers[3]
    for (turns, _), answer in zip(sentinels[:3], asked, strict=False):
        if answer.kind is not None:
            raise _render_error(answer.kind, answer.message, f"{template.source}, {_describe(turns)}")
    pieces = _derive([a.text for a in asked[:3]], system.text if system.kind is None else None, template.source)
    proven = list(zip(proofs, answers[len(sentinels) :], strict=True))
    if system.kind is not None:
        proven = [(proof, answer) for proof, answer in proven if proof[0][0][0] != "system"]
    differences = [_first_difference(option, proven) for option in (pieces, replace(pieces, trims=True))]
    if differences[0] is None:
        return pieces
    if differences[1] is None:
        return replace(pieces, trims=True)
    index, expected, found = max(differences)
    conversation = proven[index][0][0]
    raise _error(
        "Chat template can't be expressed as turn pieces",
        f"{expected} (from the pieces)",
        found,
        f"{template.source}, {_describe(conversation)}",
    )


def _sentinel_conversations() -> list[tuple[Turns, bool]]:
    user, model = ("user", _USER), ("model", _MODEL)
    return [
        ((user, model, ("user", _AGAIN)), True),
        ((user,), False),
        ((user, model), False),
        ((("system", _SYSTEM), user), False),
    ]


def _proof_conversations() -> list[tuple[Turns, bool]]:
    """One to four turns, each once without and once with a system turn; the last four have white space at ends."""
    contents = [
        ("plain words", "an answer", "and again", "the end"),
        ("He said \"no\" & 'yes' <b>", "{{ x }} {% if y %} {# z #} {}", "\\n is not a newline", "$1 `code` \\"),
        ("line one\nline two\n\nline four", "def f(x):\n    return x", "a\tb", "1. one\n2. two"),
        ("naïve café 日本語", "😀 𝄞 e\u0301", "русский", "مرحبا"),
        ("  two before", "two after  ", "\nnewline before", "newline after\n"),
        (" \n both \n ", "\tboth\t", "ok", "ok "),
    ]
    conversations = []
    for texts in contents:
        roles = ("user", "model", "user", "model")
        turns = tuple(zip(roles, texts, strict=True))
        for count in range(1, 5):
            for start in ((), (("system", texts[-1]),)):
                conversations.append(((*start, *turns[:count]), count % 2 == 1))
    return conversations


def _derive(texts: list[str], with_system: str | None, source: str) -> ChatPieces:
    """Reads the pieces off the renders of the sentinel conversations."""
    before, between, after, model_prompt = _cut(texts[0], (_USER, _MODEL, _AGAIN), source)
    _, user_suffix = _cut(texts[1], (_USER,), source)
    *_, model_suffix = _cut(texts[2], (_USER, _MODEL), source)
    model_prefix = _without(between, user_suffix, source)
    if model_prompt != between:
        title = "Chat template can't be expressed as turn pieces"
        where = f"{source}, text after a user turn"
        raise _error(title, f"{between!r}, as before a model turn", f"{model_prompt!r} before an answer", where)
    user_prefix = _without(after, model_suffix, source)
    start = _without(before, user_prefix, source, at_end=True)
    system_prefix = system_suffix = None
    if with_system is not None:
        first, second, _ = _cut(with_system, (_SYSTEM, _USER), source)
        system_prefix = _without(first, start, source)
        system_suffix = _without(second, user_prefix, source, at_end=True)
    return ChatPieces(start, user_prefix, user_suffix, model_prefix, model_suffix, system_prefix, system_suffix)


def _cut(text: str, sentinels: tuple[str, ...], source: str) -> list[str]:
    """The text before, between and after the sentinels, each of which must stand there once, in order."""
    pieces = []
    for sentinel in sentinels:
        head, found, text = text.partition(sentinel)
        if not found or sentinel in text:
            expected, times = "each turn's content once, in order", "more than once" if found else "not at all"
            title = "Chat template can't be expressed as turn pieces"
            raise _error(title, expected, f"content {sentinel} {times} after {head[-80:]!r}", source)
        pieces.append(head)
    return [*pieces, text]


def _without(text: str, part: str, source: str, at_end: bool = False) -> str:
    if not (text.endswith(part) if at_end else text.startswith(part)):
        title, side = "Chat template can't be expressed as turn pieces", "ends" if at_end else "begins"
        raise _error(title, f"text that {side} with {part!r}, as elsewhere", repr(text), source)
    if at_end:
        return text[: len(text) - len(part)]
    return text[len(part) :]


def _first_difference(
    pieces: ChatPieces, proven: list[tuple[tuple[Turns, bool], Rendered]]
) -> tuple[int, str, str] | None:
    """(number of the conversation, text expected from the pieces, text found), both from the first difference on."""
    for index, ((turns, prompt), answer) in enumerate(proven):
        found = answer.text if answer.kind is None else f"{answer.kind}: {answer.message}"
        expected = pieces.start + "".join(pieces.turn(role, content) for role, content in turns)
        expected += pieces.model_prefix if prompt else ""
        if expected != found:
            at = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
            at = min(len(expected), len(found)) if at is None else at
            return index, f"{expected[at : at + 40]!r} at character {at}", repr(found[at : at + 40])
    return None


def _describe(turns: Turns) -> str:
    return "conversation " + ", ".join(f"{role} {content[:24]!r}" for role, content in turns)


def _render_error(kind: str, message: str, where: str) -> ChatTemplateError:
    titles = {
        "refused": "Chat template refused: it reaches for what a template must not touch",
        "syntax": "Chat template is not valid Jinja",
        "raised": "Chat template refuses a plain conversation",
    }
    return _error(titles.get(kind, "Chat template failed"), "a template that renders turns", message, where)


def _error(title: str, expected: str, found: str, where: str) -> ChatTemplateError:
    action = "Use the checkpoint's own chat template, or one with constant text around each turn's content."
    return ChatTemplateError(title, expected=expected, found=found, where=where, action=action)
