"""Every size that Google publishes goes through a dry run, or is refused by name; no weight is read for that."""

import json

import pytest

from export import forecast
from export.cli.main import main
from tests.published import CONFIGS, UNIFIED_TOWERS, write_holes, write_qat_holes

# Of the text's tensors: 2.3, 4.0 and so on "effective" billions are without the per-layer table.
PARAMETERS = {"E2B": 4.63e9, "E4B": 7.46e9, "12B": 11.9e9, "31B": 30.7e9}
# Keys and values of 2,048 tokens in float, two a cache: sliding layers, then full ones, by heads times dimensions.
CACHES = {
    "E2B": 2 * 4 * 2048 * (12 * 256 + 3 * 512),
    "E4B": 2 * 4 * 2048 * (20 * 2 * 256 + 4 * 2 * 512),
    "12B": 2 * 4 * 2048 * (40 * 8 * 256 + 8 * 512),
    "31B": 2 * 4 * 2048 * (50 * 16 * 256 + 10 * 4 * 512),
}
REFUSED = {"26B-A4B": "Mixture-of-experts models are not supported (text_config.enable_moe_block)"}
TARGETS = [name for name in CONFIGS if not name.endswith("-assistant")]


@pytest.fixture
def large_machine(monkeypatch):
    monkeypatch.setattr(forecast, "available_memory", lambda: 1 << 40)
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1 << 42}))


def dry_run(name, folder):
    options = ["--target", str(write_holes(name, folder / "target"))]
    if f"{name}-assistant" in CONFIGS:
        options += ["--drafter", str(write_holes(f"{name}-assistant", folder / "drafter"))]
    return main(["--device", "pixel", *options, "--out", str(folder / "out"), "--dry-run", "--json"])


def test_every_published_size_is_planned_or_refused():
    assert {*PARAMETERS, *REFUSED} == set(TARGETS) and PARAMETERS.keys() == CACHES.keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_published_size_is_planned(name, tmp_path, large_machine, capsys):
    assert dry_run(name, tmp_path) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["parameters"] == pytest.approx(PARAMETERS[name], rel=0.01)
    assert plan["drafter"] == ("drafter" if f"{name}-assistant" in CONFIGS else None)
    assert (plan["context_length"], plan["recipe"]) == (2048, "int8")
    found = plan["forecast"]
    assert found["cache_bytes"] == CACHES[name]
    # A byte a weight, scales, graphs and the drafter (4 % of the 12B); the table of a tied head once.
    assert found["bundle_bytes"] == pytest.approx(PARAMETERS[name], rel=0.05)
    assert ("per_layer_embedder" in found["sections"]) == name.startswith("E")
    if name == "12B":
        towers = {"vision_embedder": 2, "embed_vision": 1, "embed_audio": 1}
        assert {one["name"]: one["tensors"] for one in plan["skipped"]} == towers
        counted = sum(one["bytes"] for one in plan["skipped"])
        assert counted == 2 * sum(_size(shape) for _, shape in UNIFIED_TOWERS.values()) == found["skipped_bytes"]


def _size(shape):
    return shape[0] * shape[1] * (shape[2] if len(shape) > 2 else 1)


def test_the_published_codes_are_planned(tmp_path, large_machine, capsys):
    """E2B as quantisation-aware training left it: 2 bits for head, table and most feed-forward weights."""
    options = ["--target", str(write_qat_holes("E2B", tmp_path / "target"))]
    options += ["--drafter", str(write_holes("E2B-assistant", tmp_path / "drafter"))]
    assert main(["--device", "pixel", *options, "--out", str(tmp_path / "out"), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    layers = 35 * 7 - 20 * 2 + 35 * 2  # keys and values of 15 layers, a gate and a projection of each
    tensors = {"int2": 20 * 3 + 2, "int4": layers - 20 * 3 - 35 * 2 + 1, "int8": 35 * 2}
    assert plan["codes"] == {
        "target": {
            "method": "gemma", "tensors": tensors, "widened": {}, "unused_activation_scales": 2 * (layers + 1),
            "unused_cache_scales": 0,
        }
    }  # fmt: skip
    sections = plan["forecast"]["sections"]
    assert (plan["recipe"], plan["parameters"]) == ("qat", pytest.approx(PARAMETERS["E2B"], rel=0.1))
    # Codes, row scales and zero points; of the per-layer table codes and a table of scales.
    assert sections["embedder"] == pytest.approx(262_144 * (1536 // 4 + 12), rel=0.01)
    assert sections["per_layer_embedder"] == pytest.approx(262_144 * (35 * 128 + 35 * 4 + 12), rel=0.01)
    assert sections["main"] < 0.9e9


@pytest.mark.parametrize("name", REFUSED)
def test_a_published_size_is_refused_by_name(name, tmp_path, capsys):
    assert dry_run(name, tmp_path) == 3
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["title"] == REFUSED[name] and "128 experts" in error["found"] and "E2B" in error["action"]
