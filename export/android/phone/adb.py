"""The adb client: which phone, commands on it, and its failures in words."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from export.errors import PhoneError

PATIENCE = 60
"""Seconds that a command of no size may take."""
GONE = ("not found", "device offline", "no devices", "closed", "Broken pipe", "protocol fault", "Connection reset")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def find_adb() -> Path:
    """adb on the PATH, or in the Android SDK that ANDROID_HOME names. Raises PhoneError."""
    found = shutil.which("adb")
    if found:
        return Path(found)
    sdk = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    if sdk and (Path(sdk) / "platform-tools" / "adb").is_file():
        return Path(sdk) / "platform-tools" / "adb"
    raise PhoneError(
        "adb is missing",
        expected="adb on the PATH, or ANDROID_HOME/platform-tools/adb",
        found="neither",
        where=f"ANDROID_HOME {sdk or 'is not set'}",
        action="Install Android's platform-tools (Debian: the package adb), then run it again.",
    )


class Phone:
    """One attached phone or emulator. Commands raise PhoneError when it is gone; `shell` also when they fail."""

    def __init__(self, adb: Path, serial: str):
        self.adb, self.serial = adb, serial

    @classmethod
    def choose(cls, serial: str | None) -> "Phone":
        """The phone of that serial number, or the only one. Raises PhoneError with the choices."""
        adb = find_adb()
        states = _attached(adb)
        if serial is not None and serial not in states:
            raise _no_choice(f"No phone {serial}", f"a phone with the serial number {serial}", states)
        if serial is None and len(states) != 1:
            title = "Several phones are attached" if states else "No phone is attached"
            raise _no_choice(title, "one phone" if states else "a phone or an emulator", states)
        serial = serial or next(iter(states))
        if states[serial] != "device":
            raise PhoneError(
                f"Phone {serial} can't be used yet",
                expected="state device",
                found=f"state {states[serial]}",
                where="adb devices",
                action=ADVICE.get(states[serial].split()[0], "Unplug it and plug it in again."),
            )
        return cls(adb, serial)

    def shell(self, command: str, timeout: float = PATIENCE) -> str:
        """What the command printed. Raises PhoneError when it ends with a code other than 0."""
        result = self.try_shell(command, timeout)
        if result.code != 0:
            raise PhoneError(
                "A command on the phone failed",
                expected="exit code 0",
                found=f"{result.code}: {(result.err or result.out).strip()[-300:] or 'no output'}",
                where=f"{self.serial}: {command}",
                action="See what the phone says; an unlocked screen and free storage help most often.",
            )
        return result.out

    def try_shell(self, command: str, timeout: float = PATIENCE) -> Result:
        return self.run(["shell", command], timeout)

    def run(self, arguments: list[str], timeout: float = PATIENCE) -> Result:
        """Any adb command for this phone; its own failures are left to the caller, a lost phone is not."""
        result = _run(self.adb, ["-s", self.serial, *arguments], timeout)
        said = result.err.strip().splitlines()[-1:] or [""]
        if result.code != 0 and said[0].startswith(("error:", "adb: error:")) and any(word in said[0] for word in GONE):
            raise self.lost(said[0])
        return result

    def lost(self, found: str) -> PhoneError:
        return PhoneError(
            "The phone was lost",
            expected=f"{self.serial} to stay attached",
            found=found,
            where=f"adb -s {self.serial}",
            action="Attach it again and repeat the command: what was sent is kept.",
        )


ADVICE = {
    "unauthorized": "Unlock the phone and allow USB debugging for this computer.",
    "offline": "Unplug it and plug it in again, or run: adb reconnect",
    "no": "Give your user the right to the USB device (Debian: the package android-sdk-platform-tools-common).",
    "authorizing": "Wait a moment, then run it again.",
    "recovery": "Start the phone normally.",
    "sideload": "Start the phone normally.",
}


def _attached(adb: Path) -> dict[str, str]:
    """Serial number to state. Lines are `SERIAL<tab>STATE`; a state may hold spaces (`no permissions …`)."""
    result = _run(adb, ["devices"], PATIENCE)
    if result.code != 0:
        raise PhoneError(
            "adb does not answer",
            expected="a list of devices",
            found=(result.err or result.out).strip()[-300:],
            where=f"{adb} devices",
            action="Run `adb kill-server`, then try again.",
        )
    lines = [line for line in result.out.splitlines() if "\t" in line]
    return {serial: state.strip() for serial, state in (line.split("\t", 1) for line in lines)}


def _no_choice(title: str, expected: str, states: dict[str, str]) -> PhoneError:
    found = ", ".join(f"{serial} ({state})" for serial, state in states.items()) or "none"
    action = (
        "Name one of them with --serial (check: --device-serial)."
        if states
        else "Attach a phone with USB debugging switched on, or start an emulator."
    )
    return PhoneError(title, expected=expected, found=found, where="adb devices", action=action)


def _run(adb: Path, arguments: list[str], timeout: float) -> Result:
    try:
        done = subprocess.run([adb, *arguments], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise PhoneError(
            "adb does not come back",
            expected=f"an answer within {timeout:.0f} s",
            found="none",
            where=f"adb {' '.join(arguments)[:200]}",
            action="Unlock the phone, unplug it and plug it in again, then repeat the command.",
        ) from None
    except OSError as error:
        raise PhoneError(
            "adb can't be run", expected="a program", found=str(error), where=str(adb), action="Install it again."
        ) from None
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
