"""`clean` hands the cache folder to the runtime, which knows what lies there, and says what that freed."""

import json
import sys
from types import SimpleNamespace

import pytest

from export.cli.main import main


@pytest.fixture(autouse=True)
def cleaned(tmp_path, monkeypatch):
    """The folders that were to be cleaned; each frees 2.5 MB."""
    folders = []

    def clean(root):
        folders.append(root)
        return 2_500_000

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "runtime_spec.litert.packed_weights", SimpleNamespace(clean=clean, entry_key=str))
    return folders


def test_as_text(cleaned, tmp_path, capsys):
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == f"2.5 MB removed from {tmp_path}/slipstream\n"
    assert cleaned == [tmp_path / "slipstream"]


def test_what_drafting_cost_is_forgotten_too(tmp_path, capsys):
    known = tmp_path / "slipstream" / "drafting" / "abc-1.json"
    known.parent.mkdir(parents=True)
    known.write_text("{}" * 250_000)
    assert main(["clean"]) == 0
    assert capsys.readouterr().out.startswith("3.0 MB ") and not known.exists()


def test_as_json(tmp_path, capsys):
    assert main(["clean", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": f"{tmp_path}/slipstream", "freed_bytes": 2_500_000}
