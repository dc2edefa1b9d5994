"""`python -m export check`: the app's self-check started, awaited and pulled."""

import time
from collections.abc import Callable

from export.android.phone.adb import Phone
from export.android.phone.answer import Answer
from export.android.phone.application import Application
from export.errors import ApkError, PhoneError

MISSES = 3
"""Looks in a row at which the app's process is gone before it counts as ended."""


def run_self_check(
    phone: Phone, app: Application, patience: float, wait: Callable[[float], None] = time.sleep
) -> tuple[Answer, str]:
    """The answer, and its text as the phone wrote it. `patience` in seconds. Raises PhoneError, ApkError."""
    phone.shell(f"rm -f {app.answer}")
    phone.try_shell("input keyevent KEYCODE_WAKEUP")
    _start(phone, app)
    begin, misses = time.monotonic(), 0
    while time.monotonic() - begin < patience:
        result = phone.try_shell(f"cat {app.answer} 2>/dev/null")
        # The app writes beside it and renames, so that a file that is there is whole.
        if result.code == 0 and result.out.strip():
            return Answer.from_json(result.out, f"{phone.serial}:{app.answer}"), result.out
        misses = misses + 1 if phone.try_shell(f"pidof {app.id}").code else 0
        if misses == MISSES:
            raise _ended(phone, app)
        wait(1)
    raise PhoneError(
        "The self-check did not end in time",
        expected=f"{app.answer} within {patience:.0f} s",
        found="no such file",
        where=phone.serial,
        action="Look at the phone: the screen must be unlocked. A slow phone needs a longer --timeout.",
    )


def _start(phone: Phone, app: Application) -> None:
    result = phone.try_shell(f"am start -a {app.self_check} -p {app.id}")
    said = (result.out + result.err).strip()
    if result.code or "Error" in said:
        raise ApkError(
            "The self-check can't be started",
            expected=f"an app that knows {app.self_check}",
            found=said[-300:],
            where=phone.serial,
            action="Install it first: python -m export install; an app of another id is named with --application-id.",
        )


def _ended(phone: Phone, app: Application) -> PhoneError:
    log = phone.try_shell("logcat -d -t 200 AndroidRuntime:E DEBUG:F libc:F '*:S'").out.strip().splitlines()
    return PhoneError(
        "The app ended during its self-check",
        expected=app.answer,
        found="; ".join(line.strip() for line in log[-4:])[-600:] or "nothing in the phone's log",
        where=f"{phone.serial}: {app.id}",
        action="Open the app on the phone: it says if memory or the LiteRT library is missing; or see `adb logcat`.",
    )
