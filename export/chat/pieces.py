"""A chat template as constant turn pieces, proven by rendering."""

from dataclasses import replace

from export.chat.template import (
    ChatTemplate,
    Rendered,
    Turns,
    describe,
    render,
    render_error,
    template_error,
)
from runtime_spec.bundle.manifest import ChatPieces

_SYSTEM, _USER, _MODEL, _AGAIN = "Qsystemq", "Quserq", "Qmodelq", "Qagainq"


def turn_pieces(template: ChatTemplate) -> ChatPieces:
    """Pieces that say what the template says, proven; ChatTemplateError names the conversation that differs."""
    sentinels = sentinel_conversations()
    proofs = proof_conversations()
    answers = render(template, [*sentinels, *proofs])
    asked, system = answers[: len(sentinels)], answers[3]
    for (turns, _), answer in zip(sentinels[:3], asked, strict=False):
        if answer.kind is not None:
            raise render_error(answer.kind, answer.message, f"{template.source}, {describe(turns)}")
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
    raise template_error(
        "Chat template can't be expressed as turn pieces",
        f"{expected} (from the pieces)",
        found,
        f"{template.source}, {describe(conversation)}",
    )


def sentinel_conversations() -> list[tuple[Turns, bool]]:
    user, model = ("user", _USER), ("model", _MODEL)
    return [
        ((user, model, ("user", _AGAIN)), True),
        ((user,), False),
        ((user, model), False),
        ((("system", _SYSTEM), user), False),
    ]


def proof_conversations() -> list[tuple[Turns, bool]]:
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
        raise template_error(title, f"{between!r}, as before a model turn", f"{model_prompt!r} before an answer", where)
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
            raise template_error(title, expected, f"content {sentinel} {times} after {head[-80:]!r}", source)
        pieces.append(head)
    return [*pieces, text]


def _without(text: str, part: str, source: str, at_end: bool = False) -> str:
    if not (text.endswith(part) if at_end else text.startswith(part)):
        title, side = "Chat template can't be expressed as turn pieces", "ends" if at_end else "begins"
        raise template_error(title, f"text that {side} with {part!r}, as elsewhere", repr(text), source)
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
