"""argparse, with this project's errors: what was expected, what was found, and what may have been meant."""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TextIO

from export.choices.device import unknown_choice
from export.errors import UsageError

KINDS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """Options are never abbreviated: a script that abbreviates breaks with the next option."""

    verbs: dict[str, "Parser"]

    def __init__(self, *args, **more):
        super().__init__(*args, allow_abbrev=False, **more)

    def add_json(self) -> None:
        """`--json`, which every verb has, unless the verb has added it itself."""
        if "--json" not in self._option_string_actions:
            self.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")

    def parse_args(self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None):
        """Raises UsageError."""
        words = sys.argv[1:] if args is None else list(args)
        # Before all else: argparse would first ask for what the mistyped option was meant to give.
        self._refuse_unknown_options(words)
        options, rest = self.parse_known_args(words, namespace)
        if rest:
            raise UsageError(
                f"An argument too many: {rest[0]}",
                expected="no more than `--help` lists",
                found=" ".join(rest),
                where=self.prog,
                action=f"Quote values with spaces; the verb comes first. See `{self.prog} --help`.",
            )
        return options

    def print_help(self, file: TextIO | None = None) -> None:
        """argparse's own keeps a full disk to itself."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> None:
        """argparse's own complaints, as UsageError."""
        where, what = self.prog, message
        if message.startswith("argument "):
            where, what = message.removeprefix("argument ").split(": ", 1)
        title, expected, found = "The command can't be understood", "a command as in --help", what
        if wrong := re.fullmatch(r"invalid (\w+) value: (.+)", what):
            title, expected, found = f"{where} does not fit", KINDS.get(wrong[1], wrong[1]), wrong[2]
        elif missing := re.fullmatch(r"the following arguments are required: (.+)", what):
            usage = " ".join(self.format_usage().removeprefix("usage: ").split())
            title, expected, found = f"{missing[1]} is missing", usage, "nothing"
        action = f"See `{self.prog} --help`."
        raise UsageError(title, expected=expected, found=found, where=where, action=action)

    def _refuse_unknown_options(self, words: list[str]) -> None:
        known = self._option_string_actions
        for word in words[: words.index("--") if "--" in words else None]:
            name = word.partition("=")[0]
            # As argparse tells options from values.
            is_option = word.startswith("-") and len(word) > 1 and " " not in word
            if not is_option or name in known or re.fullmatch(r"-\d+|-\d*\.\d+", word):
                continue
            raise unknown_choice("option", name, [key for key in known if key.startswith("--")], self.prog)
