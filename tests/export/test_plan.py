"""What the plan makes of stop tokens: the union of both configs' and the template's, and what it warns of."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from export.chat.turn_end import turn_end
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.cli.main import DEMO
from export.cli.plan_table import plan_json, plan_rows
from export.forecast import forecast
from export.plan import Choices, make_plan
from runtime_spec.chat.format import Affixes, ChatFormat


@pytest.fixture
def target(tmp_path):
    return shutil.copytree(DEMO / "target", tmp_path / "target")


def plan(target, **more):
    return make_plan(Choices(str(target), None, Device.load("pixel"), Recipe.load("int8"), **more))


def stops_of(target, eos, generation=None) -> None:
    """Makes config.json say `eos`, and generation_config.json `generation` or go."""
    config = json.loads((target / "config.json").read_text())
    config["eos_token_id"] = config["text_config"]["eos_token_id"] = eos
    (target / "config.json").write_text(json.dumps(config))
    (target / "generation_config.json").unlink()
    if generation is not None:
        (target / "generation_config.json").write_text(json.dumps({"eos_token_id": generation}))


def test_a_merged_fine_tune_stops_where_its_template_ends_a_turn(target):
    stops_of(target, 1)
    found = plan(target)
    assert found.tokens.stop == (1, 5) and found.warnings == []
    rows = dict(plan_rows(found, forecast(found, lowered=True)))
    assert rows["stops at"] == "tokens 1 <eos>, 5 <turn|>, which the chat template writes behind a reply"
    assert plan(target, use_chat=False).tokens.stop == (1,)


def test_what_all_three_say_is_there_once(target):
    stops_of(target, [1, 5], [5, 3])
    assert plan(target).tokens.stop == (5, 3, 1)


def test_an_ordinary_piece_among_them_is_a_warning(target):
    tokenizer = json.loads((target / "tokenizer.json").read_text())
    newline = tokenizer["model"]["vocab"]["\n"]
    stops_of(target, [1, newline])
    found = plan(target)
    [warning] = found.warnings
    assert "every reply ends at the first" in warning and f"stop token {newline}" in warning
    assert ("warning", warning) in plan_rows(found, forecast(found, lowered=True))
    assert json.loads(plan_json(found, forecast(found, lowered=True)))["warnings"] == [warning]


def test_a_template_that_writes_no_token_behind_a_reply_is_a_warning(target):
    template = target / "chat_template.jinja"
    turns = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    template.write_text("{{ bos_token }}" + turns + "{% if add_generation_prompt %}assistant: {% endif %}")
    stops_of(target, 1)
    found = plan(target)
    assert found.tokens.stop == (1,) and found.chat.turn_end is None
    assert "a reply may not end" in found.warnings[0]


@pytest.mark.parametrize(
    ("suffix", "end"),
    [
        ("<turn|>\n", 5),
        ("\n<turn|>", 5),
        ("<turn|>>", 6),
        ("</s>", None),
        ("", None),
        (" \n", None),
        ("x<turn|>", None),
    ],
)
def test_the_longest_added_token_before_anything_but_white_space(suffix, end):
    turns = Affixes("", ""), Affixes("", suffix)
    chat = ChatFormat("", None, *turns, "", "")
    assert turn_end(chat, {"<turn|>": 5, "<turn|>>": 6, "": 7}) == end


@pytest.fixture
def adapter(target, tmp_path):
    """A LoRA adapter of one matrix, with the target's tokenizer and template beside it, as trainers save them."""
    config = json.loads((target / "config.json").read_text())["text_config"]
    name = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_{}.weight"
    folder = tmp_path / "adapter"
    folder.mkdir()
    width = config["num_attention_heads"] * config["head_dim"]
    factors = {name.format("A"): np.zeros((2, config["hidden_size"]), np.float32)}
    factors[name.format("B")] = np.zeros((width, 2), np.float32)
    save_file(factors, folder / "adapter_model.safetensors")
    described = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(described))
    for beside in ("chat_template.jinja", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(target / beside, folder)
    return folder


def test_an_adapter_with_the_same_tokenizer_and_template_is_no_warning(target, adapter):
    tokenizer = adapter / "tokenizer.json"
    tokenizer.write_text(json.dumps(json.loads(tokenizer.read_text())))
    assert plan(target, adapter=str(adapter)).warnings == []


def test_an_adapter_s_own_template_and_tokens_are_told(target, adapter):
    template = adapter / "chat_template.jinja"
    template.write_text(template.read_text() + "{# mine #}")
    values = json.loads((adapter / "tokenizer.json").read_text())
    values["added_tokens"].append({"id": 99_999, "content": "<mine>", "special": True})
    (adapter / "tokenizer.json").write_text(json.dumps(values))
    first, second = plan(target, adapter=str(adapter)).warnings
    assert str(template) in first and "--chat-template takes it" in first
    assert "1 added tokens, '<mine>' among them" in second
    [second] = plan(target, adapter=str(adapter), chat_template=template).warnings
    assert "tokenizer of its own" in second
