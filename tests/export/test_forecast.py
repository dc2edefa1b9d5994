"""The plan's figures, made before any work, against what the export then writes and needs."""

import json

import pytest

from export import forecast as module
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.cli.main import DEMO
from export.cli.plan_table import duration, plan_json, plan_rows, size
from export.errors import MachineError, OutputError, UsageError
from export.forecast import cache_bytes, check_machine, forecast
from export.plan import Choices, make_plan
from runtime_spec.bundle.reader import Bundle
from tests.checkpoints import write_pair

SHARE_OFF = 0.05
"""Of a section's real size; measured: 0.6 to 3.2 % on the demo in four recipes."""


def choices(recipe="int8", device="pixel", **more):
    pair = {"target": str(DEMO / "target"), "drafter": str(DEMO / "drafter")} | more
    return Choices(device=Device.load(device), recipe=Recipe.load(recipe), **pair)


@pytest.mark.parametrize("recipe", ["float", "int8", "int4", "int4-blocks"])
def test_sizes_are_those_of_the_bundle(recipe, demo):
    path = demo(recipe) / "model.litertlm"
    found = forecast(make_plan(choices(recipe)), lowered=True)
    assert found.bundle_bytes == pytest.approx(path.stat().st_size, rel=SHARE_OFF)
    with Bundle.open(path) as bundle:
        sections = {section.name: section for section in bundle.sections}
        (table,) = bundle.manifest.shared_weights
        real = {"per_layer_embedder": len(sections["per_layer_embedder"].data)}
        # The graphs of three models follow each other, then the table that all use, then the weights of each.
        group = ("embedder", "drafter", "main")
        ends = [*(sections[name].begin for name in group[1:]), table.begin]
        end = table.end
        for name, graph_end in zip(group, ends, strict=True):
            section = sections[name]
            real[name] = graph_end - section.begin + table.end - table.begin + section.end - end
            end = section.end
    for name in ("main", "per_layer_embedder", "drafter"):
        assert found.sections[name] == pytest.approx(real[name], rel=SHARE_OFF), name


@pytest.mark.parametrize("preset", ["tiny_e2b", "tiny_e4b", "tiny_plain", "tiny_k_eq_v", "tiny_unified"])
def test_every_shape_has_a_forecast(preset, tmp_path):
    target, drafter = write_pair(preset, tmp_path)
    plan = make_plan(choices(target=str(target), drafter=str(drafter)))
    found = forecast(plan, lowered=False)
    assert 0 < found.sections["main"] < found.bundle_bytes < found.disk_bytes
    assert (
        found.read_bytes + found.skipped_bytes
        >= sum(path.stat().st_size for folder in (target, drafter) for path in folder.glob("*.safetensors")) - 200_000
    )
    assert ("per_layer_embedder" in found.sections) == bool(plan.target.config.per_layer_size)


def test_the_cache_is_counted_as_the_graphs_have_it(int8_out):
    with Bundle.open(int8_out / "model.litertlm") as bundle:
        inputs = bundle.manifest.signatures["main"]["decode"].inputs
    caches = [spec.shape for name, spec in inputs.items() if name.startswith("kv_cache_")]
    expected = 4 * sum(a * b * c * d for a, b, c, d in caches)
    assert cache_bytes(make_plan(choices()).target.config, 512) == expected


def test_a_machine_that_can_not_hold_it_is_named_before_any_work(tmp_path, monkeypatch):
    found = forecast(make_plan(choices()), lowered=False)
    check_machine(found, tmp_path / "not" / "made", 0)
    monkeypatch.setattr(module, "available_memory", lambda: found.memory_bytes - 1)
    with pytest.raises(MachineError, match="memory") as caught:
        check_machine(found, tmp_path, 0)
    assert caught.value.exit_code == 15
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": found.disk_bytes - 1000}))
    with pytest.raises(OutputError, match="disk"):
        check_machine(found, tmp_path, 0)
    monkeypatch.setattr(module, "available_memory", lambda: None)
    check_machine(found, tmp_path, 1000)


def test_the_plan_says_what_will_be_cut_and_what_is_left_out():
    plan = make_plan(choices())
    rows = dict(plan_rows(plan, forecast(plan, lowered=False)))
    assert rows["context"] == "512 tokens, the model's maximum (the device's is 2048)"
    alone = make_plan(choices(drafter=None))
    rows = dict(plan_rows(alone, forecast(alone, lowered=True)))
    assert rows["drafter"] == "none: up to 3 drafts a round are looked up in the text"
    assert rows["passes"].endswith("verify of 1, 4, 8")
    values = json.loads(plan_json(plan, forecast(plan, lowered=True)))
    assert values["context_length"] == 512 and values["wanted_context"] == 2048
    assert values["forecast"]["bundle_bytes"] > 0


def test_a_context_above_the_models_is_refused_and_never_cut():
    with pytest.raises(UsageError, match="shorter than 2048") as caught:
        make_plan(choices(context=2048))
    assert "512" in caught.value.expected
    assert make_plan(choices(context=512)).capacity == 512


def test_a_target_alone_has_verify_passes_for_drafts_from_the_text():
    alone, pair = make_plan(choices(drafter=None)), make_plan(choices())
    assert (alone.draft_tokens, alone.verify_widths) == (pair.draft_tokens, pair.verify_widths) == (3, (4, 8))
    assert [alone.signature(width) for width in (1, *alone.verify_widths)] == [
        "decode",
        "verify",
        "verify_8",
    ]
    # LiteRT-LM verifies for a drafter alone.
    assert (alone.engine_tokens, pair.engine_tokens) == (alone.capacity, pair.capacity - 3)
    assert make_plan(choices(drafter=None, draft_tokens=2)).verify_widths == (3, 8)
    lowered = forecast(alone, lowered=True)
    assert "drafter" not in lowered.sections
    assert lowered.sections["main"] == forecast(pair, lowered=True).sections["main"]


def test_chat_can_be_left_out_or_come_from_another_file(tmp_path):
    assert make_plan(choices(use_chat=False)).chat is None
    other = tmp_path / "other.jinja"
    other.write_text("{{ messages | length }}")
    with pytest.raises(Exception, match="constant texts"):
        make_plan(choices(chat_template=other))
    text = (DEMO / "target" / "chat_template.jinja").read_text()
    other.write_text(text.replace("<|turn>", "<|turn>~"))
    assert "<|turn>~" in make_plan(choices(chat_template=other)).chat.format.user.prefix


def test_sizes_and_times_are_words():
    assert [size(n) for n in (0, 1500, 2.5e6, 25e6, 3.92e9, 12e9)] == [
        "0.0 kB", "1.5 kB", "2.50 MB", "25.0 MB", "3.92 GB", "12.0 GB",
    ]  # fmt: skip
    assert [duration(s) for s in (5, 89, 150)] == ["5 s", "89 s", "2 min"]
