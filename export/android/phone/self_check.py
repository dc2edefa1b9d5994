"""`python -m export check`: the app's self-check started, awaited and pulled."""

import time
from collections.abc import Callable

from export.android.phone import ANSWER, PACKAGE, SELF_CHECK
from export.android.phone.adb import Phone
from export.android.phone.answer import Answer
from export.errors import ApkError, PhoneError

MISSES = 3
"""Looks in a row at which the app's process is gone before it counts as ended."""


def run_self_check(phone: Phone, patience: float, wait: Callable[[float], None] = time.sleep) -> tuple[Answer, str]:
    """The answer, and its text as the phone wrote it. `patience` in seconds. Raises PhoneError, ApkError."""
    phone.shell(f"rm -f {ANSWER}")
    phone.try_shell("input keyevent KEYCODE_WAKEUP")
    _start(phone)
    begin, misses = time.monotonic(), 0
    while time.monotonic() - begin < patience:
        result = phone.try_shell(f"cat {ANSWER} 2>/dev/null")
        # The app writes beside it and renames, so that a file that is there is whole.
        if result.code == 0 and result.out.strip():
            return Answer.from_json(result.out, f"{phone.serial}:{ANSWER}"), result.out
        misses = misses + 1 if phone.try_shell(f"pidof {PACKAGE}").code else 0
        if misses == MISSES:
            raise _ended(phone)
        wait(1)
    raise PhoneError(
        "The self-check did not end in time",
        expected=f"{ANSWER} within {patience:.0f} s",
        found="no such file",
        where=phone.serial,
        action="Look at the phone: the screen must be unlocked. A slow phone needs a longer --timeout.",
    )


def _start(phone: Phone) -> None:
    result = phone.try_shell(f"am start -a {SELF_CHECK} -p {PACKAGE}")
    said = (result.out + result.err).strip()
    if result.code or "Error" in said:
        raise ApkError(
            "The self-check can't be started",
            expected=f"an app that knows {SELF_CHECK}",
            found=said[-300:],
            where=phone.serial,
            action="Install it first: python -m export install",
        )


def _ended(phone: Phone) -> PhoneError:
    log = phone.try_shell("logcat -d -t 200 AndroidRuntime:E DEBUG:F libc:F '*:S'").out.strip().splitlines()
    return PhoneError(
        "The app ended during its self-check",
        expected=f"{ANSWER}",
        found="; ".join(line.strip() for line in log[-4:])[-600:] or "nothing in the phone's log",
        where=f"{phone.serial}: {PACKAGE}",
        action="Open the app on the phone: it says if memory or the LiteRT library is missing; or see `adb logcat`.",
    )
