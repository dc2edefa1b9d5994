"""The export's errors; base class and message form are the runtime's (`runtime_spec.errors`).

Exit codes: 2 usage, 3 checkpoint, 4 pairing, 5 chat template, 6 output, 7 check out of tolerance, 8 bundle,
9 prompt, 10 LiteRT, 11 trace, 12 graph, 13 phone, 14 APK, 15 machine, 130 interrupted, 143 ended by SIGTERM.
"""

from runtime_spec.errors import (
    BundleError,
    PromptTooLongError,
    RuntimeLibraryError,
    SlipstreamError,
    TraceError,
    UsageError,
)


class CheckpointError(SlipstreamError):
    """A checkpoint folder that is missing, damaged, refused or not Gemma 4."""

    exit_code = 3


class PairingError(SlipstreamError):
    """A drafter that does not fit its target."""

    exit_code = 4


class ChatTemplateError(SlipstreamError):
    """A chat template that fails, tries to escape, or can't be expressed as turn pieces."""

    exit_code = 5


class OutputError(SlipstreamError):
    """An output that exists already, or can't be written."""

    exit_code = 6


class CheckFailedError(SlipstreamError):
    """A parity check outside the recipe's tolerance."""

    exit_code = 7


class GraphError(SlipstreamError):
    """A lowered graph that is not what this pipeline can take."""

    exit_code = 12


class MachineError(SlipstreamError):
    """A machine that can't hold what was asked for."""

    exit_code = 15


class PhoneError(SlipstreamError):
    """adb is missing, no phone can be used, or something on the phone failed."""

    exit_code = 13


class ApkError(SlipstreamError):
    """An APK that can't be built, signed or installed."""

    exit_code = 14


__all__ = [
    "ApkError",
    "BundleError",
    "ChatTemplateError",
    "CheckFailedError",
    "CheckpointError",
    "GraphError",
    "MachineError",
    "OutputError",
    "PairingError",
    "PhoneError",
    "PromptTooLongError",
    "RuntimeLibraryError",
    "SlipstreamError",
    "TraceError",
    "UsageError",
]
