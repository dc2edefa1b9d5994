"""A conversation as parts: template text, content text and said tokens (CHAT.md, Messages and Parts)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime_spec.chat.format import ROLES, ChatFormat
from runtime_spec.errors import UsageError

OTHERS = {"assistant": "model", "developer": "system"}
"""Others' names for our roles."""
TEMPLATE, CONTENT, SAID = "template", "content", "said"


@dataclass(frozen=True)
class Message:
    """What one side said. A model's may have a `thought`, and the `tokens` that were decoded (without the stop token),
    `answer_tokens` of them for the content alone."""

    role: str
    content: str
    thought: str = ""
    tokens: tuple[int, ...] | None = None
    answer_tokens: tuple[int, ...] | None = None


def written(chat: ChatFormat, role: str, content: str, thought: str = "") -> Message:
    """A message as others write it: `role` may be another's name for it, and a model's content that begins with a
    delimited thought is that thought and what follows."""
    role, thoughts = OTHERS.get(role, role), chat.thoughts
    if role == "model" and not thought and thoughts and content.startswith(thoughts.start):
        inner, is_delimited, behind = content.removeprefix(thoughts.start).partition(thoughts.end)
        if is_delimited:
            return Message(role, behind, inner)
    return Message(role, content, thought)


@dataclass(frozen=True)
class Part:
    """`kind` is TEMPLATE or CONTENT with `text`, or SAID with `tokens`."""

    kind: str
    text: str = ""
    tokens: tuple[int, ...] = ()


def parts(chat: ChatFormat, messages: Sequence[Message], thinking: bool = False) -> list[Part]:
    """The context up to where the model is to reply. UsageError for a conversation that CHAT.md refuses."""
    check(chat, messages, thinking)
    return _joined(_parts(chat, messages, thinking))


def rendered(chat: ChatFormat, messages: Sequence[Message], thinking: bool = False, reply: bool = True) -> str:
    """The text of a conversation without said tokens; without `reply` up to the end of the last message."""
    given = list(_parts(chat, messages, thinking))
    return "".join(part.text for part in (given if reply else given[:-1]))


def check(chat: ChatFormat, messages: Sequence[Message], thinking: bool) -> None:
    if thinking and chat.thinking is None:
        raise _refused("a template that knows thinking", "thinking on", "the conversation", "Turn thinking off.")
    if not messages:
        raise _refused("at least one message", "none", "the conversation", "Say something.")
    before = None
    for number, message in enumerate(messages, 1):
        where = f"message {number}"
        if message.role not in ROLES:
            raise _refused(f"a role of {', '.join(ROLES)}", repr(message.role)[:80], where, "Name one of these.")
        if message.role == "system" and (before is not None or chat.system is None):
            expected = "no system message" if chat.system is None else "a system message at the beginning only"
            raise _refused(expected, "a system message", where, "Put its text into the first user message.")
        is_first = before in (None, "system")
        twice = message.role == before == "model" or (chat.alternates and message.role == before)
        if twice or (chat.alternates and is_first and message.role == "model"):
            found = f"a {message.role} message behind {'none' if before is None else 'a ' + before + ' message'}"
            raise _refused("users and models that take turns", found, where, "Put the texts into one message.")
        before = message.role
    if before != "user":
        raise _refused("a user message at the end", f"a {before} message", f"message {len(messages)}", "Ask something.")


def _parts(chat: ChatFormat, messages: Sequence[Message], thinking: bool) -> Iterator[Part]:
    yield Part(TEMPLATE, chat.start)
    has_system = bool(messages) and messages[0].role == "system"
    if thinking and not has_system:
        yield Part(TEMPLATE, chat.thinking.system_alone)
    for number, message in enumerate(messages):
        turn = chat.affixes(message.role)
        prefix = turn.prefix
        if message.role == "system" and thinking:
            prefix = chat.thinking.system_prefix
        if number == 1 and has_system and message.role == "user":
            prefix = chat.user_prefix_after_system
        yield Part(TEMPLATE, prefix)
        yield from _contents(chat, message)
        yield Part(TEMPLATE, turn.suffix)
    yield Part(TEMPLATE, chat.thinking.reply if thinking else chat.reply)


def _contents(chat: ChatFormat, message: Message) -> Iterator[Part]:
    keeps = bool(message.thought) and chat.thoughts is not None and chat.thoughts.kept
    shown = message.content
    if message.role in chat.trims:
        shown = shown.rstrip() if keeps else shown.strip()
    said = message.tokens if keeps or not message.thought else message.answer_tokens
    if said is not None and shown == message.content:
        yield Part(SAID, tokens=said)
        return
    if keeps:
        yield Part(TEMPLATE, chat.thoughts.start)
        yield Part(CONTENT, message.thought)
        yield Part(TEMPLATE, chat.thoughts.end)
    yield Part(CONTENT, shown)


def _joined(given: Iterator[Part]) -> list[Part]:
    found: list[Part] = []
    for part in given:
        if part.kind != SAID and not part.text:
            continue
        if found and part.kind == found[-1].kind != SAID:
            found[-1] = Part(part.kind, found[-1].text + part.text)
        else:
            found.append(part)
    return found


def _refused(expected: str, found: str, where: str, action: str) -> UsageError:
    title = "The conversation does not fit the chat template"
    return UsageError(title, expected=expected, found=found, where=where, action=action)
