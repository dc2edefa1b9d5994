"""An export from hub ids, as a user calls it: what is refused before weights come, Ctrl-C in a download and the same
command again, and what the bundle says of where it came from."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import pytest

from export.cli.main import main
from export.resources import DEMO
from runtime_spec.bundle.reader import Bundle
from tests.export.checkpoint.test_hub import use
from tests.hub import Hub, running

WEIGHTS = "model.safetensors"
PAIR = ["--target", "demo/it", "--drafter", "demo/it-assistant@v1"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The demo pair on a hub, and an empty cache."""
    with running(Hub()) as hub:
        hub.target = hub.add("demo/it", DEMO / "target")
        hub.drafter = hub.add("demo/it-assistant", DEMO / "drafter")
        hub.repositories["demo/it-assistant"].refs["v1"] = hub.drafter
        use(monkeypatch, hub.url, tmp_path / "cache")
        yield hub


def weights_bytes() -> int:
    return sum((DEMO / role / WEIGHTS).stat().st_size for role in ("target", "drafter"))


def test_a_dry_run_downloads_no_weights_and_says_what_it_would(hub, tmp_path, capsys):
    arguments = ["--device", "pixel", *PAIR, "--out", str(tmp_path / "out"), "--dry-run"]
    assert main([*arguments, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["revisions"] == {"target": hub.target, "drafter": hub.drafter}
    assert (plan["target"], plan["drafter"]) == ("demo/it", "demo/it-assistant")
    forecast = plan["forecast"]
    assert forecast["download_bytes"] == weights_bytes()
    assert forecast["download_folder"] == str((tmp_path / "cache/hub").resolve())
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert f"demo/it at {hub.target[:12]} (main)" in said and f"assistant at {hub.drafter[:12]} (v1)" in said
    assert "of weights into" in said and "the download apart" in said
    assert all(one.range for one in hub.asked if one.path.endswith(WEIGHTS) and one.server == "storage")
    assert not list((tmp_path / "cache/hub").rglob(WEIGHTS)) and not (tmp_path / "out").exists()
    assert main(["--device", "pixel", "--dry-run", "--json"]) == 0
    local = json.loads(capsys.readouterr().out)["forecast"]
    assert forecast | {"download_bytes": 0, "download_folder": None} == local


def test_an_output_that_exists_is_refused_before_the_hub_is_asked(hub, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model.litertlm").touch()
    assert main(["--device", "pixel", *PAIR, "--out", str(tmp_path / "out")]) == 6
    assert hub.asked == []


@pytest.mark.parametrize("apart", [False, True], ids=["one disk", "two disks"])
def test_a_disk_that_can_not_hold_the_download(hub, tmp_path, capsys, monkeypatch, apart):
    """Before a byte of it: the cache's disk, and where that is the output's as well, both together."""
    out, stat = tmp_path / "out", os.stat
    assert main(["--device", "pixel", *PAIR, "--out", str(out), "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["forecast"]
    cache, room = str((tmp_path / "cache").resolve()), found["disk_bytes"] + found["download_bytes"] // 2
    if apart:
        device = namedtuple("Stat", "st_dev")
        monkeypatch.setattr(os, "stat", lambda p, **k: device(-1) if str(p) == cache + "/hub" else stat(p, **k))
    usage = namedtuple("Usage", "free")
    free = {True: lambda p: usage(found["download_bytes"] // 2 if str(p).startswith(cache) else 1 << 50)}
    monkeypatch.setattr(shutil, "disk_usage", free.get(apart, lambda p: usage(room)))
    hub.asked.clear()
    assert main(["--device", "pixel", *PAIR, "--out", str(out)]) == 6
    said = capsys.readouterr().err
    assert ("can't hold the download" if apart else "can't hold the export") in said
    assert f"{found['download_bytes'] / 1e9:.2f} GB" in said and ("HF_HOME" in said) == apart
    assert all(one.range for one in hub.asked if one.path.endswith(WEIGHTS) and one.server == "storage")


def test_interrupted_in_a_download_the_same_command_goes_on(hub, tmp_path, demo_graphs, capsys):
    """The bundle names commits and the SHA-256 of every file that was read."""
    out, cut, size = tmp_path / "out", 600_000, (DEMO / "target" / WEIGHTS).stat().st_size
    shutil.copytree(demo_graphs, out / "work/graphs")
    command = [sys.executable, "-m", "export", "--device", "pixel", *PAIR, "--out", str(out), "--no-bench"]
    home = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "own")}
    hub.stalls["demo/it/" + WEIGHTS] = cut
    with subprocess.Popen(
        command,
        env=os.environ | home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:
        parts = tmp_path / "home/hub/models--demo--it/blobs"
        while not any(path.stat().st_size == cut for path in parts.glob("*.part")):
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        said, wrong = run.communicate(timeout=20)
    assert run.returncode == 130 and "Traceback" not in wrong
    assert wrong.strip().endswith("the same command goes on where this ended")
    assert f"{weights_bytes() / 1e6:,.1f} MB into" in said and f"demo/it {WEIGHTS}" in said

    hub.asked.clear()
    again = subprocess.run(command, env=os.environ | home, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert [r for r in hub.asked_for(WEIGHTS) if r and not r.startswith("bytes=0-")] == [f"bytes={cut}-{size - 1}"]
    with Bundle.open(out / "model.litertlm") as bundle:
        sources = {source.role: source for source in bundle.manifest.sources}
    assert {role: (s.id, s.revision) for role, s in sources.items()} == {
        "target": ("demo/it", hub.target),
        "drafter": ("demo/it-assistant", hub.drafter),
    }
    for role, source in sources.items():
        read = {name: hashlib.sha256((DEMO / role / name).read_bytes()).hexdigest() for name in source.files}
        assert source.files == read and {"config.json", WEIGHTS} <= set(read)

    assert main(["inspect", str(out / "model.litertlm")]) == 0
    assert f"  target demo/it at {hub.target}, 6 files\n" in capsys.readouterr().out

    hub.asked.clear()
    offline = os.environ | home | {"HF_HUB_OFFLINE": "1"}
    third = subprocess.run([*command, "--dry-run"], env=offline, capture_output=True, text=True)
    assert third.returncode == 0 and hub.asked == []
    said = " ".join(third.stdout.split())
    assert "(main); from the cache, the hub was not reached" in said and "download" not in said
