"""`slipstream generate`: the reference loop over a bundle, streaming text."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli.shown import PrefillProgress, Shown, say, write
from export.cli.tell import show_object
from export.errors import UsageError

if TYPE_CHECKING:
    from runtime_spec.chat.reply import Splitter
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.reference.stats import DecodeStats
    from runtime_spec.reference.trace import Round


@dataclass
class Prompt:
    """`text` as it is encoded, with the beginning-of-sequence token; `splitter` is for what follows it."""

    text: str
    tokens: list[int]
    splitter: "Splitter"


@dataclass
class Reply:
    """What a turn gave. Seconds are of the wall clock; the prefill ends with the first token."""

    prompt_tokens: list[int]
    stats: "DecodeStats"
    tokens: list[int] = field(default_factory=list)
    stop_reason: str | None = None
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Of decoding alone: the first token belongs to the prefill."""
        return (len(self.tokens) - 1) / self.decode_seconds if len(self.tokens) > 1 else 0.0

    def to_dict(self, thought: str, text: str) -> dict:
        """The object that --json prints. `tokens` are all that were decoded, those of the thought too."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "tokens": self.tokens,
            "thought": thought,
            "text": text,
            "stop_reason": self.stop_reason,
            "rounds": self.stats.rounds,
            "drafted": self.stats.drafted,
            "accepted": self.stats.accepted,
            "acceptance_rate": self.stats.acceptance_rate,
            "mean_accepted_length": self.stats.mean_accepted_length,
            "prefill_seconds": self.prefill_seconds,
            "decode_seconds": self.decode_seconds,
            "tokens_per_second": self.tokens_per_second,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)
    prompt = parser.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt")
    prompt.add_argument("--prompt-file", type=Path)
    prompt.add_argument("--messages", type=Path, metavar="FILE", help="a conversation: a JSON list of {role, content}")
    parser.add_argument("--chat", action="store_true", help="the prompt is one user turn of the chat template")
    add_conversation_arguments(parser)
    parser.add_argument("--show-prompt", action="store_true", help="print what would be decoded from, and stop")
    add_decoding_arguments(parser, max_new_tokens=128)


def add_conversation_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--system", metavar="TEXT", help="what the system turn of the conversation says")
    parser.add_argument("--thinking", choices=("on", "off"), help="thoughts before the reply (default: off)")


def add_decoding_arguments(parser: argparse.ArgumentParser, max_new_tokens: int) -> None:
    parser.add_argument("--draft-tokens", default=None, help="drafts a round, or off")
    parser.add_argument("--max-new-tokens", type=int, default=max_new_tokens, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT (default: 1)")


def run(options: argparse.Namespace) -> None:
    """Prints text as it comes, or one object at the end. Raises SlipstreamError."""
    from runtime_spec.litert.runtime import Runtime

    text = None if options.messages else _read(options.prompt_file) if options.prompt_file else options.prompt
    for where, given in (("--prompt", text), ("--system", options.system)):
        check_unicode(given or "", where)
    with Runtime(options.bundle, options.threads) as runtime:
        prompt = prompt_of(options, text, runtime)
        if options.show_prompt:
            shown = {"prompt": prompt.text, "prompt_tokens": prompt.tokens}
            show_object(shown) if options.json else write(prompt.text + "\n")
            return
        progress = PrefillProgress(not options.json and sys.stderr.isatty())
        given = prompt.tokens, options.draft_tokens, options.max_new_tokens
        reply, rounds = turn(runtime, *given, progress.show)
        shown = Shown(prompt.splitter)
        if not options.json:
            shown = Shown(prompt.splitter, progress.before(write), progress.before(say))
        for one in rounds:
            shown.add(visible(one.emitted_tokens, runtime))
        shown.finish()
    if options.json:
        show_object(reply.to_dict(shown.thought, shown.answer))
        return
    progress.before(write)("\n")
    print(f"[{summary(reply)}]", file=sys.stderr)


def summary(reply: Reply) -> str:
    speed, rate = reply.tokens_per_second, reply.stats.acceptance_rate
    return f"{reply.stop_reason}: {len(reply.tokens)} tokens, {speed:.0f} tokens/s, acceptance {rate:.2f}"


def prompt_of(options: argparse.Namespace, text: str | None, runtime: "Runtime") -> Prompt:
    """What the options ask for: `text` as it stands, or a conversation of the bundle's chat format."""
    from export.cli.messages import read_messages, with_system
    from runtime_spec.chat.conversation import Message

    is_chat = options.chat or options.messages or options.system is not None or options.thinking == "on"
    begin = runtime.decode([runtime.manifest.tokens.bos])
    if not is_chat:
        return Prompt(begin + text, runtime.encode(text), runtime.splitter())
    chat, thinking = runtime.chat, options.thinking == "on"
    given = read_messages(options.messages, chat.format) if options.messages else [Message("user", text)]
    messages = with_system(given, options.system)
    tokens = chat.context(messages, thinking)
    return Prompt(begin + chat.text(messages, thinking).removeprefix(begin), tokens, chat.splitter(thinking))


def turn(
    runtime: "Runtime",
    prompt_tokens: list[int],
    draft_tokens: str | None,
    max_new_tokens: int,
    filled: Callable[[int, int], None],
) -> tuple[Reply, "Iterator[Round]"]:
    """One turn of a new conversation: its reply, which fills as its rounds are taken. Raises UsageError.

    `filled(done, total)` is told of the prefill's progress."""
    from runtime_spec.reference.stats import DecodeStats

    reply = Reply(prompt_tokens, DecodeStats())
    session = runtime.session(draft_count(draft_tokens, runtime))
    return reply, counted(session.turn(prompt_tokens, max_new_tokens, filled=filled), reply)


def counted(rounds: "Iterator[Round]", reply: Reply) -> "Iterator[Round]":
    """The rounds, each counted and timed before it is handed on: printing is no part of decoding."""
    begin = time.perf_counter()
    for number, one in enumerate(rounds):
        took = time.perf_counter() - begin
        if number == 0:
            reply.prefill_seconds = took
        else:
            reply.decode_seconds += took
        reply.stats.add(one)
        reply.tokens += one.emitted_tokens
        reply.stop_reason = one.stop_reason
        yield one
        begin = time.perf_counter()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"Prompt file can't be read: {path}",
            expected="a UTF-8 text file",
            found=str(error),
            where="--prompt-file",
            action="Name a text file.",
        ) from error


def visible(tokens: list[int], runtime: "Runtime") -> list[int]:
    """Without the stop token that ended the turn."""
    stops = runtime.manifest.tokens.stop
    return tokens[:-1] if tokens and tokens[-1] in stops else tokens


def check_unicode(text: str, where: str = "--prompt") -> None:
    """UsageError for a text with bytes that are no UTF-8: the command line's come as lone surrogates."""
    wrong = next((character for character in text if "\ud800" <= character <= "\udfff"), None)
    if wrong is not None:
        found = f"byte 0x{ord(wrong) - 0xDC00:02x}" if "\udc80" <= wrong <= "\udcff" else ascii(wrong)
        raise _usage(where, "text in UTF-8", found, "Write it in UTF-8, or put the prompt in a --prompt-file.")


def draft_count(text: str | None, runtime: "Runtime") -> int | None:
    """0 for plain decoding, None for the bundle's own number."""
    if text is None:
        return None
    if text == "off":
        return 0
    most = runtime.target.verify_widths[-1] - 1
    choices = f"off or a number from 0 to {most}" if most else "off: the bundle has no pass that verifies drafts"
    # isdigit alone is true of digits that int does not take, as a superscript two is.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise _usage("--draft-tokens", choices, ascii(text[:40]), "Choose a number that the bundle has graphs for.")
    return int(text)


def _usage(where: str, expected: str, found: str, action: str) -> UsageError:
    return UsageError(f"{where} does not fit", expected=expected, found=found, where=where, action=action)
