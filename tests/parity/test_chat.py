"""`chat` over the demo's bundle: its conversation is what the messages say, whatever was taken back or asked again, in
a pipe and in a real terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from export.cli.main import main
from export.cli.shown import PrefillProgress, Shown
from runtime_spec.chat.conversation import Message
from runtime_spec.litert.runtime import Runtime

SLOW = """
import sys, time
from export.cli.main import main
from runtime_spec.reference import decode_loop
fast = decode_loop.decode_round
def slow(*given):
    time.sleep(0.05)
    return fast(*given)
decode_loop.decode_round = slow
sys.exit(main(sys.argv[1:]))
"""
"""The command with rounds as slow as a large model's: time enough to stop one."""


@pytest.fixture
def bundle(int8_out):
    return int8_out / "model.litertlm"


def talk(bundle, lines: str, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "export", "chat", str(bundle), *options]
    return subprocess.run(command, input=lines.encode(), capture_output=True, timeout=120)


def replies(done: subprocess.CompletedProcess) -> list[dict]:
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def anew(bundle, messages: list[tuple[str, str]], count: int, tmp_path, capsys, *options: str) -> dict:
    """What `generate --messages` says to the same conversation."""
    path = tmp_path / "messages.json"
    path.write_text(json.dumps([{"role": role, "content": content} for role, content in messages]))
    words = ["generate", str(bundle), "--messages", str(path), "--max-new-tokens", str(count), "--json", *options]
    assert main(words) == 0
    return json.loads(capsys.readouterr().out)


def test_whatever_was_taken_back_the_messages_are_what_is_answered(bundle, tmp_path, capsys):
    lines = "What is a list?\n/retry\nAnd a tuple?\n/undo\n/system Be brief.\nAnd a set?\n/clear\n/system\nHi\\\nyou\n"
    first, again, second, third, fourth = replies(talk(bundle, lines, "--max-new-tokens", "16", "--json"))
    assert first["tokens"] == again["tokens"] and first["prompt_tokens"] == again["prompt_tokens"]
    asked = [("user", "What is a list?"), ("assistant", first["text"]), ("user", "And a tuple?")]
    assert anew(bundle, asked[:1], 16, tmp_path, capsys)["tokens"] == first["tokens"]
    with Runtime(bundle) as runtime:
        said = runtime.chat.message(first["tokens"])
        assert second["prompt_tokens"] == runtime.chat.context([Message("user", asked[0][1]), said, Message(*asked[2])])
        system = Message("system", "Be brief.")
        edited = [system, Message("user", asked[0][1]), said, Message("user", "And a set?")]
        assert third["prompt_tokens"] == runtime.chat.context(edited)
        session = runtime.session()
        rounds = session.turn(third["prompt_tokens"], 16)
        assert third["tokens"] == [token for one in rounds for token in one.emitted_tokens]
    assert fourth["tokens"] == anew(bundle, [("user", "Hi\nyou")], 16, tmp_path, capsys)["tokens"]


def test_the_same_words_with_and_without_drafts(bundle):
    lines = "What is a list?\nAnd a tuple?\n/retry\nAnd a set?\n"
    drafted = replies(talk(bundle, lines, "--max-new-tokens", "12", "--json"))
    plain = replies(talk(bundle, lines, "--max-new-tokens", "12", "--json", "--draft-tokens", "off"))
    assert [one["tokens"] for one in drafted] == [one["tokens"] for one in plain]


def test_what_can_t_be_is_told_and_the_conversation_goes_on(bundle):
    lines = f"/sytem x\n/thinking on\n/thinking maybe\n/undo\n{'word ' * 4000}\nHi\n/stats\n/quit\nnever\n"
    done = talk(bundle, lines, "--max-new-tokens", "4")
    said = done.stderr.decode()
    assert done.returncode == 0 and "Did you mean /system?" in said and "a template that knows thinking" in said
    assert "expected: one of on, off" in said and "nothing to take back" in said and "does not fit the context" in said
    assert "4 tokens" in said and "slots of context used" in said and "never" not in said
    assert len(done.stdout.decode().strip().splitlines()) >= 1


def test_bytes_that_are_no_text(bundle):
    command = [sys.executable, "-m", "export", "chat", str(bundle), "--max-new-tokens", "2"]
    done = subprocess.run(command, input=b"a\xff\nHi\n", capture_output=True, timeout=60)
    assert done.returncode == 0 and b"byte 0xff" in done.stderr


def test_options_are_refused_before_the_first_line(bundle, capsys):
    assert main(["chat", str(bundle), "--thinking", "on"]) == 2
    assert main(["chat", str(bundle), "--draft-tokens", "99"]) == 2
    assert "a template that knows thinking" in capsys.readouterr().err


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command: list[str]):
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "xterm"
            # Whoever runs the tests in the background has the signal ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execv(command[0], command)
        self.seen, self._at = "", 0

    def until(self, pattern: str, seconds: float = 60) -> str:
        """Reads on until `pattern` is there, behind what was waited for before; what came, up to its end."""
        end, begin = time.monotonic() + seconds, self._at
        while not (found := re.compile(pattern).search(self.seen, begin)):
            if not select.select([self._end], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} did not come: {self.seen[begin:]!r}")
            try:
                self.seen += os.read(self._end, 4096).decode("utf-8", "replace")
            except OSError:
                raise AssertionError(f"ended before {pattern!r}: {self.seen[begin:]!r}") from None
        self._at = found.end()
        return self.seen[begin : self._at]

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def ended(self) -> int:
        """The exit code."""
        with_deadline = time.monotonic() + 30
        while time.monotonic() < with_deadline:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if select.select([self._end], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self._end, 4096).decode("utf-8", "replace")
                except OSError:
                    time.sleep(0.05)
        raise AssertionError(f"does not end: {self.seen!r}")

    def close(self) -> None:
        try:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._end)


@contextmanager
def terminal(*command: str):
    opened = Terminal([sys.executable, *command])
    try:
        yield opened
    finally:
        opened.close()


def test_ctrl_c_stops_the_reply_and_not_the_program(bundle):
    with terminal("-c", SLOW, "chat", str(bundle)) as screen:
        screen.until("> $")
        screen.type("What is a list?\r")
        screen.until(r"What is a list\?\r\n")
        screen.until(r"\S+")
        screen.type("\x03")
        screen.until(r"\[cancelled\]")
        screen.until("> $")
        screen.type("/stats\r")
        assert re.search(r"cancelled: [1-9]\d* tokens", screen.until("slots of context used"))
        screen.until("> $")
        screen.type("half a line")
        screen.until("half a line")
        # A signal between what a terminal shows and the wait for more is answered with the next key: on a busy machine
        # that may be long after what is shown.
        time.sleep(2)
        screen.type("\x03")
        screen.until("/quit or Ctrl-D leaves")
        screen.until("> $")
        screen.type("/retry\r")
        screen.until("/retry\r\n")
        screen.until(r"\S+")
        screen.type("\x03")
        screen.until(r"\[cancelled\]")
        screen.until("> $")
        screen.type("/quit\r")
        assert screen.ended() == 0
    assert "Traceback" not in screen.seen and "half a line\r\n[" not in screen.seen


def test_the_text_streams_and_ctrl_d_leaves(bundle):
    with terminal("-c", SLOW, "chat", str(bundle), "--max-new-tokens", "24") as screen:
        screen.until("> $")
        screen.type("What is a list?\r")
        screen.until(r"What is a list\?\r\n")
        times = []
        while "[max_new_tokens]" not in screen.seen:
            screen.until("(?s).")
            times.append(time.monotonic())
        assert times[-1] - times[0] > 0.2, "all at once"
        screen.until("> $")
        screen.type("\x04")
        assert screen.ended() == 0


def test_a_thought_is_shown_apart(capsys):
    class Scripted:
        def add(self, tokens):
            return {1: [("thought", "hm")], 2: [("thought", "m"), ("answer", "yes")], 3: []}[tokens[0]]

        def finish(self):
            return [("answer", "!")]

    from export.cli.shown import say, write

    shown = Shown(Scripted(), write, say)
    for token in (1, 2, 3):
        shown.add([token])
    shown.finish()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("yes!", "[thought] hmm\n") and (shown.thought, shown.answer) == ("hmm", "yes!")


def test_a_long_prefill_s_progress_is_one_line_that_goes(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    progress = PrefillProgress(True)
    progress.show(128, 1000)
    assert capsys.readouterr().err == ""
    clock[0] = 1.0
    progress.show(256, 1000)
    progress.before(print)("x")
    said = capsys.readouterr()
    assert said.err.startswith("\rreading 256 of 1000 tokens") and said.err.endswith("\r") and said.out == "x\n"
    PrefillProgress(False).show(256, 1000)
    assert capsys.readouterr().err == ""
