"""One base class for every error that is a user's to mend, with an exit code a kind.

A message has four parts: what was expected, what was found, where, and what to do.
"""

from functools import partial


class SlipstreamError(Exception):
    """An error shown without a traceback; `exit_code` is what the process ends with."""

    exit_code = 1

    def __init__(self, title: str, *, expected: str, found: str, where: str, action: str):
        super().__init__(
            f"{title}\n  expected: {expected}\n  found:    {found}\n  where:    {where}\n  do:       {action}"
        )
        self.title, self.expected, self.found, self.where, self.action = title, expected, found, where, action

    def __reduce__(self):
        """Pickled without its keywords an exception could not be made again, and errors cross processes here."""
        parts = {"expected": self.expected, "found": self.found, "where": self.where, "action": self.action}
        return partial(type(self), self.title, **parts), ()


class UsageError(SlipstreamError):
    """An option whose value is not one of the choices."""

    exit_code = 2


class PackingError(SlipstreamError):
    """Weights that can't be packed into a folder: no room, or not writable. A runtime can go on without keeping."""

    exit_code = 6


class BundleError(SlipstreamError):
    """A .litertlm that is not ours, truncated, or with a byte that differs from its digest."""

    exit_code = 8


class PromptTooLongError(SlipstreamError):
    """A prompt that does not fit the bundle's context."""

    exit_code = 9


class RuntimeLibraryError(SlipstreamError):
    """LiteRT is missing, lacks a symbol, or a call into it failed."""

    exit_code = 10


class TraceError(SlipstreamError):
    """A replay that forks from its trace, or a trace that breaks the format."""

    exit_code = 11
