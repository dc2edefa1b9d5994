"""`slipstream generate`: the reference loop over a bundle, streaming text."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli.tell import show_object
from export.errors import UsageError

if TYPE_CHECKING:
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.reference.stats import DecodeStats
    from runtime_spec.reference.trace import Round


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

    def to_dict(self, text: str) -> dict:
        """The object that --json prints."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "tokens": self.tokens,
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
    parser.add_argument("--chat", action="store_true", help="one user turn of the chat template")
    parser.add_argument("--draft-tokens", default=None, help="drafts a round, or off")
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT (default: 1)")


def run(options: argparse.Namespace) -> None:
    """Prints text as it comes, or one object at the end. Raises SlipstreamError."""
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.litert.text_stream import TextStream

    prompt = _read(options.prompt_file) if options.prompt_file else options.prompt
    check_unicode(prompt)
    with Runtime(options.bundle, options.threads) as runtime:
        reply, rounds = turn(runtime, prompt, options.chat, options.draft_tokens, options.max_new_tokens)
        stream = TextStream(runtime.decode)
        for one in rounds:
            if not options.json:
                _write(stream.add(_visible(one.emitted_tokens, runtime)))
        text = runtime.decode(_visible(reply.tokens, runtime))
    if options.json:
        show_object(reply.to_dict(text))
        return
    _write(text[stream.length :] + "\n")
    speed, rate = reply.tokens_per_second, reply.stats.acceptance_rate
    line = f"[{reply.stop_reason}: {len(reply.tokens)} tokens, {speed:.0f} tokens/s, acceptance {rate:.2f}]"
    print(line, file=sys.stderr)


def turn(
    runtime: "Runtime", prompt: str, chat: bool, draft_tokens: str | None, max_new_tokens: int
) -> tuple[Reply, "Iterator[Round]"]:
    """One turn of a new conversation: its reply, which fills as its rounds are taken. Raises UsageError."""
    from runtime_spec.chat.conversation import Message
    from runtime_spec.reference.stats import DecodeStats

    tokens = runtime.chat.context([Message("user", prompt)]) if chat else runtime.encode(prompt)
    reply = Reply(tokens, DecodeStats())
    session = runtime.session(_draft_count(draft_tokens, runtime))
    return reply, _counted(session.turn(reply.prompt_tokens, max_new_tokens), reply)


def _counted(rounds: "Iterator[Round]", reply: Reply) -> "Iterator[Round]":
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


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _visible(tokens: list[int], runtime: "Runtime") -> list[int]:
    """Without the stop token that ended the turn."""
    stops = runtime.manifest.tokens.stop
    return tokens[:-1] if tokens and tokens[-1] in stops else tokens


def check_unicode(prompt: str) -> None:
    """UsageError for a prompt with bytes that are no UTF-8: the command line's come as lone surrogates."""
    wrong = next((character for character in prompt if "\ud800" <= character <= "\udfff"), None)
    if wrong is not None:
        found = f"byte 0x{ord(wrong) - 0xDC00:02x}" if "\udc80" <= wrong <= "\udcff" else ascii(wrong)
        raise _usage("--prompt", "text in UTF-8", found, "Write the prompt in UTF-8, or put it in a --prompt-file.")


def _draft_count(text: str | None, runtime: "Runtime") -> int | None:
    """0 for plain decoding, None for the bundle's own number."""
    if text is None:
        return None
    if text == "off":
        return 0
    most = runtime.target.verify_widths[-1] - 1 if runtime.drafter else 0
    choices = f"off or a number from 0 to {most}" if most else "off: the bundle has no drafter"
    # isdigit alone is true of digits that int does not take, as a superscript two is.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise _usage("--draft-tokens", choices, ascii(text[:40]), "Choose a number that the bundle has graphs for.")
    return int(text)


def _usage(where: str, expected: str, found: str, action: str) -> UsageError:
    return UsageError(f"{where} does not fit", expected=expected, found=found, where=where, action=action)
