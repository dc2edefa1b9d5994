"""`slipstream chat`: a conversation in the terminal."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.choices.device import unknown_choice
from export.cli.decoding import add_arguments as add_decoding_arguments
from export.cli.decoding import policy_of, sampling_of
from export.cli.generate import (
    Reply,
    add_conversation_arguments,
    check_unicode,
    summary,
    turn,
    visible,
)
from export.cli.messages import with_system
from export.cli.shown import PrefillProgress, Shown, say, write
from export.cli.tell import show_error, show_object
from export.errors import SlipstreamError, UsageError

if TYPE_CHECKING:
    from runtime_spec.chat.conversation import Message
    from runtime_spec.drafting.proposer import Policy
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.sampling.parameters import Sampling

COMMANDS = {
    "/system": "TEXT sets what the system turn says; alone it takes the system turn out",
    "/retry": "ask for the last reply again",
    "/undo": "take the last message and its reply back",
    "/thinking": "on or off: thoughts before a reply",
    "/stats": "what the last reply took, and how full the context is",
    "/clear": "begin a new conversation",
    "/help": "these lines",
    "/quit": "leave, as Ctrl-D does",
}
HELP = "Ctrl-C stops a reply. A line that ends in \\ goes on in the next; // begins a message with a slash."


class Conversation:
    """Messages and the session that decodes replies to them. Every turn is decoded from the start (CHAT.md, Turns), so
    that whatever was changed in what was said, the session keeps what it can of it."""

    def __init__(self, runtime: "Runtime", policy: "Policy", sampling: "Sampling", max_new_tokens: int | None):
        self.runtime, self.messages, self.system, self.thinking = runtime, [], None, False
        self.last: Reply | None = None
        self.kept = self._replies = 0
        self._session, self._policy, self._sampling = runtime.session(policy=policy), policy, sampling
        self._most = max_new_tokens or runtime.target.capacity
        _ = runtime.chat  # refuses a bundle without a chat template now

    def reply(
        self,
        added: list["Message"],
        shown: Callable[[bool], Shown],
        cancelled: Callable[[], bool],
        filled: Callable[[int, int], None],
    ) -> Shown:
        """Decodes a reply to the messages and `added`, which are kept with it once it has begun. Raises UsageError and
        PromptTooLongError; the conversation is then as it was before."""
        from runtime_spec.sampling.random import reply_seed

        runtime, asked = self.runtime, [*self.messages, *added]
        tokens = runtime.chat.context(with_system(asked, self.system), self.thinking)
        # No two replies of a conversation are drawn alike: one that is asked for again is another one.
        sampling = replace(self._sampling, seed=reply_seed(self._sampling.seed, self._replies))
        self._replies += 1
        reply, rounds = turn(self._session, self._policy, tokens, self._most, sampling, filled, cancelled)
        seen = shown(self.thinking)
        for number, one in enumerate(rounds):
            if number == 0:
                self.kept = one.position
            seen.add(visible(one.emitted_tokens, runtime))
        seen.finish()
        self.last = reply
        if reply.tokens:
            self.messages = [*asked, runtime.chat.message(reply.tokens, self.thinking)]
        return seen

    def undo(self) -> list["Message"]:
        """Takes the last user message and what follows it back; what was taken."""
        begin = max((i for i, one in enumerate(self.messages) if one.role == "user"), default=len(self.messages))
        taken, self.messages = self.messages[begin:], self.messages[:begin]
        return taken

    def stats(self) -> str:
        used, size = self._session.state.cache_length, self.runtime.target.capacity
        if self.last is None:
            return f"no reply yet; {size} slots of context"
        read = len(self.last.prompt_tokens)
        return (
            f"{summary(self.last)}; {read} tokens of prompt, {self.kept} of them kept from before, "
            f"the rest read in {self.last.prefill_seconds:.2f} s; {used} of {size} slots of context used"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)
    add_conversation_arguments(parser)
    add_decoding_arguments(parser, max_new_tokens=None)
    parser.add_argument("--json", action="store_true", help="one JSON object a reply on stdout and nothing else")


def run(options: argparse.Namespace) -> None:
    """Reads messages and commands from stdin until it ends or says /quit. Raises SlipstreamError for a bundle or
    options that can't be used; what a message is refused for is told, and the conversation goes on."""
    from runtime_spec.litert.runtime import Runtime

    check_unicode(options.system or "", "--system")
    with Runtime(options.bundle, options.threads) as runtime:
        policy, sampling = policy_of(options, runtime), sampling_of(options, runtime)
        talk = Conversation(runtime, policy, sampling, options.max_new_tokens)
        _set_system(talk, options.system)
        _set_thinking(talk, options.thinking or "off")
        _tell(f"{options.bundle}: {HELP} /help lists commands.", options)
        for line in _lines(options):
            try:
                if not _answer(line, talk, options):
                    break
            except SlipstreamError as error:
                show_error(error, options.json)
    _tell("", options)


def _answer(line: str, talk: Conversation, options: argparse.Namespace) -> bool:
    """What a line asks for; False to leave."""
    from runtime_spec.chat.conversation import Message

    command, _, text = line.partition(" ")
    if not line.startswith("/") or line.startswith("//"):
        message = line.removeprefix("/") if line.startswith("//") else line
        check_unicode(message, "the message")
        _reply(talk, [Message("user", message)], options)
    elif command not in COMMANDS:
        raise unknown_choice("command", command, list(COMMANDS), "the line")
    elif command == "/quit":
        return False
    elif command == "/help":
        _tell("\n".join(f"{name:<10} {what}" for name, what in COMMANDS.items()) + f"\n{HELP}", options)
    elif command == "/system":
        check_unicode(text, "/system")
        _set_system(talk, text.strip() or None)
        _tell("The system turn is taken out." if talk.system is None else "The system turn is set.", options)
    elif command == "/thinking":
        _set_thinking(talk, text.strip() or ("off" if talk.thinking else "on"))
        _tell(f"Thinking is {'on' if talk.thinking else 'off'}.", options)
    elif command == "/retry":
        _retry(talk, options)
    elif command == "/undo":
        taken = talk.undo()
        _tell(f"Taken back: {taken[0].content[:60]}" if taken else "There is nothing to take back.", options)
    elif command == "/clear":
        talk.messages = []
        _tell("A new conversation begins.", options)
    elif command == "/stats":
        _tell(talk.stats(), options)
    return True


def _retry(talk: Conversation, options: argparse.Namespace) -> None:
    before, taken = talk.messages, talk.undo()
    if not taken:
        _tell("There is no reply yet.", options)
        return
    try:
        _reply(talk, taken[:1], options)
    finally:
        if len(talk.messages) < len(before):
            talk.messages = before


def _reply(talk: Conversation, added: list["Message"], options: argparse.Namespace) -> None:
    progress = PrefillProgress(not options.json and sys.stderr.isatty())

    def shown(thinking: bool) -> Shown:
        splitter = talk.runtime.chat.splitter(thinking)
        return Shown(splitter) if options.json else Shown(splitter, progress.before(write), progress.before(say))

    with _ctrl_c_stops() as stopped:
        said = talk.reply(added, shown, stopped.is_set, progress.show)
    progress.clear()
    if options.json:
        show_object(talk.last.to_dict(said.thought, said.answer))
        sys.stdout.flush()
        return
    write("\n")
    if not talk.last.tokens:
        _tell("Stopped before the reply began; the message is taken back.", options)
    elif talk.last.stop_reason != "stop_token":
        _tell(f"[{talk.last.stop_reason}]", options)


def _set_system(talk: Conversation, text: str | None) -> None:
    """Raises UsageError where the template has no system turn."""
    from runtime_spec.chat.conversation import Message, check

    if text is not None:
        check(talk.runtime.chat.format, [Message("system", text), Message("user", "")], False)
    talk.system = text


def _set_thinking(talk: Conversation, text: str) -> None:
    """Raises UsageError for another word than on and off, and where the template knows no thinking."""
    from runtime_spec.chat.conversation import Message, check

    if text not in ("on", "off"):
        raise unknown_choice("state", text, ["on", "off"], "/thinking")
    check(talk.runtime.chat.format, [Message("user", "")], text == "on")
    talk.thinking = text == "on"


def _lines(options: argparse.Namespace) -> Iterator[str]:
    """What the user types, a message or command each; empty lines are passed over."""
    is_terminal = sys.stdin.isatty() and not options.json
    if is_terminal:
        with suppress(ImportError):
            import readline  # noqa: F401 - gives input() its line editing
    held: list[str] = []
    while True:
        try:
            line = input(("… " if held else "> ") if is_terminal else "")
        except KeyboardInterrupt:
            if not is_terminal:
                raise
            held = []
            _tell("\n/quit or Ctrl-D leaves.", options)
            continue
        except EOFError:
            line = None
        except UnicodeDecodeError as error:
            show_error(_not_text(error), options.json)
            continue
        if line is not None and line.endswith("\\"):
            held.append(line[:-1])
            continue
        text = "\n".join([*held, *([] if line is None else [line])])
        held = []
        if text.strip():
            yield text
        if line is None:
            return


def _not_text(error: UnicodeDecodeError) -> UsageError:
    return UsageError(
        "A line is not UTF-8 text",
        expected="text in UTF-8",
        found=f"byte 0x{error.object[error.start]:02x}",
        where="standard input",
        action="Write it in UTF-8.",
    )


@contextmanager
def _ctrl_c_stops() -> Iterator[threading.Event]:
    """While this lasts, Ctrl-C sets the event and nothing else."""
    stopped = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(text: str, options: argparse.Namespace) -> None:
    """On stderr: stdout is the model's."""
    if not options.json:
        print(text, file=sys.stderr, flush=True)
