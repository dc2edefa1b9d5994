"""`slipstream generate`: the reference loop over a bundle, streaming text."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli.decoding import add_arguments as add_decoding_arguments
from export.cli.decoding import policy_of, sampling_of, usage
from export.cli.shown import PrefillProgress, Shown, say, write
from export.cli.tell import show_object
from export.errors import UsageError

if TYPE_CHECKING:
    from runtime_spec.chat.reply import Splitter
    from runtime_spec.drafting.proposer import Policy
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.reference.session import Session
    from runtime_spec.reference.stats import DecodeStats
    from runtime_spec.reference.trace import Round
    from runtime_spec.sampling.parameters import Sampling


@dataclass
class Prompt:
    """`text` as it is encoded, with the beginning-of-sequence token; `splitter` makes one for what follows it."""

    text: str
    tokens: list[int]
    splitter: "Callable[[], Splitter]"


@dataclass
class Reply:
    """What a turn gave, sampled as `sampling` says. Seconds are of the wall clock; the prefill ends with the first
    token, `probe_seconds` went into trials of other draft lengths."""

    prompt_tokens: list[int]
    stats: "DecodeStats"
    sampling: "Sampling"
    tokens: list[int] = field(default_factory=list)
    stop_reason: str | None = None
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    probe_seconds: float = 0.0

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
            "sampling": None if self.sampling.is_greedy else asdict(self.sampling),
            "drafting": {**self.stats.drafting(), "probe_seconds": self.probe_seconds},
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)
    prompt = parser.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt")
    prompt.add_argument("--prompt-file", type=Path)
    prompt.add_argument("--messages", type=Path, metavar="FILE", help="a conversation: a JSON list of {role, content}")
    parser.add_argument("--chat", action="store_true", help="the prompt is one user turn of the chat template")
    add_conversation_arguments(parser)
    parser.add_argument("--samples", type=int, metavar="N", help="N replies, each drawn independently of the others")
    parser.add_argument("--show-prompt", action="store_true", help="print what would be decoded from, and stop")
    add_decoding_arguments(parser, max_new_tokens=128)


def add_conversation_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--system", metavar="TEXT", help="what the system turn of the conversation says")
    parser.add_argument("--thinking", choices=("on", "off"), help="thoughts before the reply (default: off)")


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
        sampling, policy = sampling_of(options, runtime), policy_of(options, runtime)
        if options.samples is None:
            one = _reply(runtime, prompt, policy, sampling, options)
        else:
            one = {"samples": list(_samples(runtime, prompt, policy, sampling, options))}
    if options.json:
        show_object(one)


def _samples(
    runtime: "Runtime", prompt: Prompt, policy: "Policy", sampling: "Sampling", options: argparse.Namespace
) -> Iterator[dict]:
    """Replies one after the other, each shown as it comes; the prompt is read once. Raises UsageError."""
    from runtime_spec.sampling.random import reply_seed

    if options.samples < 1:
        raise usage("--samples", "at least 1", str(options.samples), "Say how many replies you want.")
    if sampling.temperature == 0 and options.samples > 1:
        action = "Name a --temperature above 0, or leave --samples out."
        raise usage("--samples", "a temperature above 0: greedy replies are all the same", "temperature 0", action)
    session = runtime.session(policy=policy)
    for number in range(options.samples):
        if not options.json:
            write(f"[{number + 1}]\n")
        drawn = replace(sampling, seed=reply_seed(sampling.seed, number))
        yield _reply(runtime, prompt, policy, drawn, options, session)


def _reply(
    runtime: "Runtime",
    prompt: Prompt,
    policy: "Policy",
    sampling: "Sampling",
    options: argparse.Namespace,
    session: "Session | None" = None,
) -> dict:
    """One reply, shown as it comes unless --json asks for an object; the object."""
    progress = PrefillProgress(not options.json and sys.stderr.isatty())
    session = runtime.session(policy=policy) if session is None else session
    reply, rounds = turn(session, policy, prompt.tokens, options.max_new_tokens, sampling, progress.show)
    splitter = prompt.splitter()
    shown = Shown(splitter)
    if not options.json:
        shown = Shown(splitter, progress.before(write), progress.before(say))
    for one in rounds:
        shown.add(visible(one.emitted_tokens, runtime))
    shown.finish()
    if not options.json:
        progress.before(write)("\n")
        print(f"[{summary(reply)}]", file=sys.stderr)
    return reply.to_dict(shown.thought, shown.answer)


def summary(reply: Reply) -> str:
    """One line: why it ended, how fast it was, what drafts were worth, and the seed that says it again."""
    speed, stats = reply.tokens_per_second, reply.stats
    parts = [f"{reply.stop_reason}: {len(reply.tokens)} tokens, {speed:.0f} tokens/s"]
    parts.append(f"acceptance {stats.acceptance_rate:.2f}")
    if "ngram" in stats.sources:
        parts.append(f"{sum(stats.sources['ngram'].accepted)} of the tokens looked up")
    if not reply.sampling.is_greedy:
        parts.append(f"seed {reply.sampling.seed}")
    return ", ".join(parts)


def prompt_of(options: argparse.Namespace, text: str | None, runtime: "Runtime") -> Prompt:
    """What the options ask for: `text` as it stands, or a conversation of the bundle's chat format."""
    from export.cli.messages import read_messages, with_system
    from runtime_spec.chat.conversation import Message

    is_chat = options.chat or options.messages or options.system is not None or options.thinking == "on"
    begin = runtime.decode([runtime.manifest.tokens.bos])
    if not is_chat:
        return Prompt(begin + text, runtime.encode(text), runtime.splitter)
    chat, thinking = runtime.chat, options.thinking == "on"
    given = read_messages(options.messages, chat.format) if options.messages else [Message("user", text)]
    messages = with_system(given, options.system)
    tokens = chat.context(messages, thinking)
    return Prompt(begin + chat.text(messages, thinking).removeprefix(begin), tokens, lambda: chat.splitter(thinking))


def turn(
    session: "Session",
    policy: "Policy",
    prompt_tokens: list[int],
    max_new_tokens: int,
    sampling: "Sampling",
    filled: Callable[[int, int], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Reply, "Iterator[Round]"]:
    """One turn from the start: its reply, which fills as its rounds are taken. Raises UsageError.

    `filled(done, total)` is told of the prefill's progress."""
    from runtime_spec.reference.stats import DecodeStats

    reply = Reply(prompt_tokens, DecodeStats(), sampling)
    session.sampler.sampling = sampling
    rounds = session.turn(prompt_tokens, max_new_tokens, cancelled, filled, from_start=True)
    return reply, counted(rounds, reply, policy)


def counted(rounds: "Iterator[Round]", reply: Reply, policy: "Policy") -> "Iterator[Round]":
    """The rounds, each counted and timed before it is handed on: printing is no part of decoding."""
    begin, probed = time.perf_counter(), policy.probe_nanos
    for number, one in enumerate(rounds):
        took = time.perf_counter() - begin
        if number == 0:
            reply.prefill_seconds = took
        else:
            reply.decode_seconds += took
        reply.stats.add(one)
        reply.probe_seconds = (policy.probe_nanos - probed) * 1e-9
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
        raise usage(where, "text in UTF-8", found, "Write it in UTF-8, or put the prompt in a --prompt-file.")
