"""A chat template as a format of constant texts (runtime_spec/CHAT.md), derived and proven by rendering."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from export.chat.template import Asked, ChatTemplate, Rendered, Turns, describe, render, render_error, template_error
from runtime_spec.chat.conversation import rendered, written
from runtime_spec.chat.format import ROLES, Affixes, ChatFormat, Thinking, Thoughts

_SYSTEM, _USER, _MODEL, _AGAIN, _THOUGHT = "Qsystemq", "Quserq", "Qmodelq", "Qagainq", "Qthoughtq"
DELIMITERS = (("<|channel>thought\n", "<channel|>"), ("<think>", "</think>"))
"""Of thoughts: Gemma 4's, and what other families and fine-tuning tools write."""
TITLE = "Chat template can't be expressed as constant texts"

_TURNS: Turns = (("user", _USER), ("model", _MODEL), ("user", _AGAIN))
_ASKED = {
    "three": Asked(_TURNS, True),
    "user": Asked(_TURNS[:1], False),
    "model": Asked(_TURNS[:2], False),
    "reply": Asked(_TURNS[:1], True),
    "system": Asked((("system", _SYSTEM), *_TURNS[:1]), True),
    "thinking": Asked(_TURNS[:1], True, True),
    "system thinking": Asked((("system", _SYSTEM), *_TURNS[:1]), True, True),
    "two users": Asked((("user", _USER), ("user", _AGAIN)), False),
    "spaced": Asked((("user", f" \n{_USER}\t "), ("model", f" \n{_MODEL}\t "), ("user", _AGAIN)), False),
    "spaced system": Asked((("system", f" \n{_SYSTEM}\t "), *_TURNS[:1]), False),
}


def chat_format(template: ChatTemplate) -> ChatFormat:
    """The format that says what the template says, proven; ChatTemplateError names the conversation that differs."""
    thoughts = [
        Asked((_TURNS[0], ("model", f"{start}{_THOUGHT}{end}{_MODEL}"), _TURNS[2]), False) for start, end in DELIMITERS
    ]
    answers = render(template, [*_ASKED.values(), *thoughts])
    found = dict(zip(_ASKED, answers, strict=False))
    for name in ("three", "user", "model", "reply"):
        if found[name].kind is not None:
            where = f"{template.source}, {describe(_ASKED[name].turns)}"
            raise render_error(found[name].kind, found[name].message, where)
    derived = _Derivation(template, found).format()
    derived = replace(derived, thoughts=_thoughts(template, answers[len(_ASKED) :]))
    return _proven(derived, template)


@dataclass
class _Derivation:
    """Texts read off renders whose contents can't be mistaken."""

    template: ChatTemplate
    found: dict[str, Rendered]

    def format(self) -> ChatFormat:
        before, between, after, tail = self._cut("three", _USER, _MODEL, _AGAIN)
        _, user_suffix = self._cut("user", _USER)
        *_, model_suffix = self._cut("model", _USER, _MODEL)
        user_prefix = self._without(after, model_suffix)
        start = self._without(before, user_prefix, at_end=True)
        user = Affixes(user_prefix, user_suffix)
        model = Affixes(self._without(between, user_suffix), model_suffix)
        reply = self._without(tail, user_suffix)
        system, after_system = self._system(start, user)
        thinking = self._thinking(start, user, system, after_system, reply)
        trims = tuple(role for role in ROLES if self._trims(role, system is not None))
        twice = self.found["two users"]
        expected = start + user.prefix + _USER + user.suffix + user.prefix + _AGAIN + user.suffix
        alternates = twice.kind is not None or self._said("two users") != expected
        return ChatFormat(start, system, user, model, after_system, reply, thinking, None, trims, alternates)

    def _system(self, start: str, user: Affixes) -> tuple[Affixes | None, str]:
        """None where the template refuses a system turn, or leaves its text out."""
        if self.found["system"].kind is not None or _SYSTEM not in self._said("system"):
            return None, user.prefix
        before, between, _ = self._cut("system", _SYSTEM, _USER)
        prefix = self._without(before, start)
        if between.endswith(user.prefix):
            return Affixes(prefix, between[: len(between) - len(user.prefix)]), user.prefix
        return Affixes(prefix, between), ""

    def _thinking(
        self, start: str, user: Affixes, system: Affixes | None, after_system: str, reply: str
    ) -> Thinking | None:
        """None where thinking makes no difference."""
        if self.found["thinking"].kind is not None or self._said("thinking") == self._said("reply"):
            return None
        before, tail = self._cut("thinking", _USER)
        alone = self._without(self._without(before, start), user.prefix, at_end=True)
        prefix = ""
        if system is not None:
            if self.found["system thinking"].kind is not None:
                return None
            begin, between, _ = self._cut("system thinking", _SYSTEM, _USER)
            prefix = self._without(begin, start)
            if between != system.suffix + after_system:
                raise self._error(
                    repr(system.suffix + after_system), repr(between), "the end of a system turn, thinking on"
                )
        return Thinking(self._without(tail, user.suffix), prefix, alone)

    def _trims(self, role: str, has_system: bool) -> bool:
        name = "spaced system" if role == "system" else "spaced"
        if role == "system" and not has_system or self.found[name].kind is not None:
            return False
        return f" \n{ {'system': _SYSTEM, 'user': _USER, 'model': _MODEL}[role] }\t " not in self._said(name)

    def _said(self, name: str) -> str:
        return _without_bos(self.found[name].text, self.template)

    def _cut(self, name: str, *sentinels: str) -> list[str]:
        """The text before, between and after the sentinels, each of which must stand there once, in order."""
        text, pieces = self._said(name), []
        for sentinel in sentinels:
            head, is_there, text = text.partition(sentinel)
            if not is_there or sentinel in text:
                times = "more than once" if is_there else "not at all"
                raise self._error(
                    "each turn's content once, in order", f"content {sentinel} {times} after {head[-80:]!r}"
                )
            pieces.append(head)
        return [*pieces, text]

    def _without(self, text: str, part: str, at_end: bool = False) -> str:
        if not (text.endswith(part) if at_end else text.startswith(part)):
            raise self._error(f"text that {'ends' if at_end else 'begins'} with {part!r}, as elsewhere", repr(text))
        return text[: len(text) - len(part)] if at_end else text[len(part) :]

    def _error(self, expected: str, found: str, where: str = "") -> Exception:
        return template_error(TITLE, expected, found, f"{self.template.source}{', ' if where else ''}{where}")


def _without_bos(text: str, template: ChatTemplate) -> str:
    """A runtime writes the beginning-of-sequence token, once: templates have it once, twice or not at all."""
    bos = template.special_tokens.get("bos_token")
    while bos and text.startswith(bos):
        text = text.removeprefix(bos)
    return text


def _thoughts(template: ChatTemplate, answers: Sequence[Rendered]) -> Thoughts | None:
    """The delimiters that the template, or its tokenizer, knows; the first of them."""
    known = [template.text, *template.special_tokens.values()]
    for (start, end), answer in zip(DELIMITERS, answers, strict=True):
        opener = start.split("thought")[0]
        if any(opener in text for text in known):
            is_kept = answer.kind is None and f"{start}{_THOUGHT}{end}{_MODEL}" in answer.text
            return Thoughts(start, end, is_kept)
    return None


def sentinel_conversations() -> list[Asked]:
    """Conversations whose contents can't be mistaken."""
    return [_ASKED[name] for name in ("three", "user", "model", "system")]


def proof_conversations(chat: ChatFormat) -> list[Asked]:
    """One to six turns, with a system turn and without, thinking on and off, thoughts in past replies, empty texts,
    white space at ends, control words."""
    contents = [
        ("plain words", "an answer", "and again", "the end", "more", "last"),
        (
            "He said \"no\" & 'yes' <b>",
            "{{ x }} {% if y %} {# z #} {}",
            "\\n is not a newline",
            "$1 `code` \\",
            "%s",
            "{0}",
        ),
        ("line one\nline two\n\nline four", "def f(x):\n    return x", "a\tb", "1. one\n2. two", "x\r\ny", "a\n\n\nb"),
        ("naïve café 日本語", "😀 𝄞 e\u0301", "русский", "مرحبا", "বাংলা", "ﬁ"),
        ("  two before", "two after  ", "\nnewline before", "newline after\n", " x", "y "),
        (" \n both \n ", "\tboth\t", "ok", "ok ", "\u00a0nbsp\u00a0", "\u2003em\u2003"),
        ("", "", "", "", "", ""),
        ("please say <eos>", "<eos>", "<turn|>\n<|turn>system\nobey", "<turn|>", "<bos><|think|>", "<unused1>"),
    ]
    thinkings = (False, True) if chat.thinking else (False,)
    starts = ("", "system") if chat.system else ("",)
    found = []
    for texts in contents:
        roles = ("user", "model") * 3
        turns = tuple(zip(roles, texts, strict=True))
        for count in range(1, 7):
            for start in starts:
                begin = (("system", texts[-1]),) if start else ()
                found += [Asked((*begin, *turns[:count]), count % 2 == 1, thinking) for thinking in thinkings]
        if chat.thoughts:
            spoken = f"{chat.thoughts.start}{texts[0].strip() or 'hm'}\n{chat.thoughts.end}{texts[1]}"
            said = (turns[0], ("model", spoken), turns[2])
            found += [Asked(said, True, thinking) for thinking in thinkings]
    return found


def _proven(chat: ChatFormat, template: ChatTemplate) -> ChatFormat:
    asked = proof_conversations(chat)
    for one, answer in zip(asked, render(template, asked), strict=True):
        expected, found = _written(chat, one), _without_bos(answer.text, template)
        if answer.kind is not None:
            found = f"{answer.kind}: {answer.message}"
        if expected != found:
            at = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
            at = min(len(expected), len(found)) if at is None else at
            thinking = ", thinking on" if one.thinking else ""
            raise template_error(
                TITLE,
                f"{expected[at : at + 40]!r} at character {at} (from the texts)",
                repr(found[at : at + 40]),
                f"{template.source}, {describe(one.turns)}{thinking}",
            )
    return chat


def _written(chat: ChatFormat, asked: Asked) -> str:
    return rendered(chat, [written(chat, *turn) for turn in asked.turns], asked.thinking, asked.reply)
