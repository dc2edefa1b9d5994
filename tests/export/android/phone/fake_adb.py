#!/usr/bin/env python3
"""A scripted adb: the phone is a folder, and plan.json beside it says what goes wrong.

FAKE_ADB names the folder. In it: `sdcard/` is what the phone calls /sdcard, `log` gets a line a command, and
`plan.json` may hold
    devices     serial to state (default: one phone, `fake`)
    install     what `adb install` prints (default: Success)
    lose_at     the number of the push, from 1, at which the phone goes away, half of the file sent
    lose_cat_at the number of the append at which the phone goes away, half of the piece appended
    garble_at   the number of the push whose first byte arrives wrong
    free_kib    what `df` says
    start       what `am start` prints
    installed   true: the app was there before
    answer      the text that the self-check writes; with `answer_after` looks for it. Without: it never does
    alive       false: the app's process is gone
    app         the id of the app on the phone (default: dev.slipstream.app): no other one starts, or runs
Shell commands run in a real `sh`, /sdcard replaced, so that cat, stat, sha256sum and mv are real ones.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HOME = Path(os.environ["FAKE_ADB"])
PLAN = json.loads((HOME / "plan.json").read_text()) if (HOME / "plan.json").exists() else {}
APP = PLAN.get("app", "dev.slipstream.app")
ANSWER = f"/sdcard/Android/data/{APP}/files/self-check.json"


def count(name: str) -> int:
    """How often this was called, this time included: each command is a process of its own."""
    path = HOME / f"count.{name}"
    number = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(number))
    return number


def local(path: str) -> Path:
    return HOME / path.lstrip("/")


def lost() -> int:
    print("adb: error: failed to read copy response: EOF", file=sys.stderr)
    print("error: device 'fake' not found", file=sys.stderr)
    return 1


def push(source: str, to: str) -> int:
    number, data = count("push"), Path(source).read_bytes()
    path = local(to)
    path.parent.mkdir(parents=True, exist_ok=True)
    if number == PLAN.get("lose_at"):
        path.write_bytes(data[: len(data) // 2])
        return lost()
    if number == PLAN.get("garble_at"):
        data = bytes([data[0] ^ 1]) + data[1:]
    path.write_bytes(data)
    print(f"{source}: 1 file pushed, 0 skipped.")
    return 0


def shell(command: str) -> int:
    if command.startswith("df "):
        print("Filesystem 1K-blocks Used Available Use% Mounted on")
        print(f"/dev/fuse 1000000 1 {PLAN.get('free_kib', 999_999)} 1% /storage/emulated")
        return 0
    if command.startswith("am start"):
        (HOME / "started").write_text(command)
        knows = command == f"am start -a {APP}.SELF_CHECK -p {APP}"
        print(
            PLAN.get("start", "Starting: Intent" if knows else "Error: Activity not started, unable to resolve Intent")
        )
        return 0
    if command.startswith("pm path"):
        return 0 if PLAN.get("installed") and command == f"pm path {APP}" else 1
    if command.startswith("pidof"):
        return 0 if PLAN.get("alive", True) and command == f"pidof {APP}" else 1
    if command.startswith("logcat"):
        print("E AndroidRuntime: java.lang.OutOfMemoryError: planned")
        return 0
    if command.startswith(("input ", "monkey ", "test -d")):
        return 0
    if command.startswith(f"cat {ANSWER}") and "answer" in PLAN and count("look") > PLAN.get("answer_after", 0):
        local(ANSWER).parent.mkdir(parents=True, exist_ok=True)
        local(ANSWER).write_text(PLAN["answer"])
    if " >> " in command and count("cat") == PLAN.get("lose_cat_at"):
        piece, part = (local(path) for path in re.findall(r"/sdcard\S+", command)[:2])
        with part.open("ab") as file:
            file.write(piece.read_bytes()[: piece.stat().st_size // 2])
        return lost()
    return subprocess.run(["sh", "-c", command.replace("/sdcard", str(HOME / "sdcard"))]).returncode


def main(arguments: list[str]) -> int:
    with (HOME / "log").open("a") as log:
        print(*arguments, file=log)
    if arguments == ["devices"]:
        print("* daemon started successfully\nList of devices attached")
        for serial, state in PLAN.get("devices", {"fake": "device"}).items():
            print(f"{serial}\t{state}")
        return 0
    assert arguments[0] == "-s" and arguments[1] in PLAN.get("devices", {"fake": "device"})
    verb, *rest = arguments[2:]
    if verb == "push":
        return push(*rest)
    if verb == "shell":
        return shell(*rest)
    assert verb == "install"
    said = PLAN.get("install", "Performing Streamed Install\nSuccess")
    print(said)
    return 0 if "Success" in said else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
