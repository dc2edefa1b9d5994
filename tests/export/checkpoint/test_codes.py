"""Checkpoints that hold codes: read as Transformers' own quantised layers compute with them, or refused by name."""

import copy
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING
from transformers.integrations import gemma_quant
from transformers.quantizers.quantizer_gemma import GemmaQuantizer
from transformers.utils.quantization_config import GemmaQuantizationConfig

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.codes import Codes, unpack
from export.checkpoint.quantization import BITS, parse_quantization
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.cli.main import main
from export.errors import CheckpointError, UsageError
from export.evidence.float_logits import float_logits
from export.modules.embedder import BlockScaledEmbedder, Embedder
from export.modules.fill import empty_weight, fill
from export.plan import Choices, make_plan
from tests.checkpoints import drafter_config, target_config
from tests.qat_checkpoints import TARGET_BITS, load_qat, write_qat_pair

PREFIX = "model.language_model."
GATE, TABLE = f"{PREFIX}layers.1.mlp.gate_proj", f"{PREFIX}embed_tokens"
# Measured: 9.7e-6 at logits up to 3.9.
TOLERANCE = 5e-5


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(target, drafter), both codes; read only."""
    return write_qat_pair("tiny_e2b", tmp_path_factory.mktemp("qat"), drafter=True)


@pytest.fixture
def target(pair, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(pair[0], tmp_path / "target")


def spoil(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def announce(folder, **changes):
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values["quantization_config"] |= changes
    path.write_text(json.dumps(values))


def transformers_model(config):
    parsed = CONFIG_MAPPING[config["model_type"]].from_dict(copy.deepcopy(config))
    (name,) = config["architectures"]
    with torch.device("meta"):
        return getattr(transformers, name)(parsed)


PATTERNS = {
    "published": TARGET_BITS,
    "the leftmost of several, not the first": {
        "module_quant_configs": {"mlp": {"num_bits": 2}, r"layers\.1\b": {"num_bits": 8}},
        "modules_to_not_convert": [],
    },
    "of two at one place the first": {
        "module_quant_configs": {r"layers\.1": {"num_bits": 8}, r"layers\.1\.mlp": {"num_bits": 2}},
        "modules_to_not_convert": ["lm_head"],
    },
    "skipped by beginning, by end and by pattern": {
        "num_bits": 8,
        "quantize_embeddings": True,
        "module_quant_configs": {"q_proj$": {}},
        "modules_to_not_convert": ["model.language_model.layers.1", "k_proj", r"model\..*\.layers\.2\.mlp"],
    },
    "nothing named": {"num_bits": 2, "quantize_embeddings": True},
    "embeddings left alone": {"num_bits": 8, "modules_to_not_convert": []},
}


@pytest.mark.parametrize("bits", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("kind", ["target", "untied", "drafter"])
def test_bits_of_every_module_are_transformers(kind, bits, tmp_path):
    config = drafter_config("tiny_e2b") if kind == "drafter" else target_config("tiny_e2b")
    config["tie_word_embeddings"] = kind != "untied"
    model = transformers_model(config)
    names = {name: isinstance(module, torch.nn.Embedding) for name, module in model.named_modules()
             if isinstance(module, torch.nn.Embedding | torch.nn.Linear)}  # fmt: skip
    values = {key: value for key, value in bits.items() if key != "quant_method"}
    judge = GemmaQuantizationConfig(**values)
    skipped = GemmaQuantizer.get_modules_to_not_convert(model, judge.modules_to_not_convert, None)
    gemma_quant.replace_with_quant_layers(model, judge, skipped)
    theirs = {name: getattr(model.get_submodule(name), "num_bits", None) for name in names}
    # As checkpoint.py says it of such a folder.
    left_out = ("lm_head", *((f"{PREFIX}embed_tokens", "model.embed_tokens") if kind != "untied" else ()))
    left_out += ("masked_embedding.centroids",) if kind == "drafter" else ()
    ours = parse_quantization(values | {"quant_method": "gemma"}, tmp_path, left_out)
    assert {name: ours.bits(name, is_table) for name, is_table in names.items()} == theirs
    assert set(theirs.values()) & set(BITS)


@pytest.mark.parametrize("width", [8, 7, 6, 5])
@pytest.mark.parametrize("bits", [2, 4])
def test_every_byte_is_unpacked_as_transformers_does(bits, width):
    codes = Codes("", "", bits, width, 1)
    raw = np.random.default_rng(0).integers(0, 256, (512, codes.row_bytes), np.uint8)
    theirs = {2: gemma_quant._unpack_int2, 4: gemma_quant._unpack_int4}[bits](torch.from_numpy(raw), width)
    found = unpack(memoryview(raw).cast("B"), codes)
    assert found.dtype == np.int8 and np.array_equal(found, theirs.numpy())
    assert (found.min(), found.max()) == (-(1 << bits - 1), (1 << bits - 1) - 1)


def test_what_is_codes_is_counted(pair):
    target, drafter = (Checkpoint.open(folder) for folder in pair)
    assert target.codes.tensors == {2: 14, 4: 46, 8: 18} and drafter.codes.tensors == {4: 15, 8: 4}
    assert (target.codes.activations, target.codes.caches) == (152, 18)
    assert (drafter.codes.activations, drafter.codes.caches) == (0, 0)
    assert target.codes.widened == drafter.codes.widened == {}
    assert not any("scale" in name or "quantized" in name for name in target.tensors.names())


@torch.no_grad()
def test_weights_are_code_times_scale_to_the_bit(pair):
    for folder in pair:
        opened, model = Checkpoint.open(folder), load_qat(folder, False)
        modules = dict(model.named_modules())
        checked = 0
        for name in opened.tensors.names():
            module = modules.get(name.removesuffix(".weight"))
            if opened.tensors.codes(name) is None:
                continue
            theirs = module.weight if hasattr(module, "embedding_quantized") else module._dequantize_weights()
            assert np.array_equal(opened.tensors.read(name), theirs.numpy()), name
            rows = np.frombuffer(opened.tensors.rows(name, 3, 9), np.float32).reshape(6, -1)
            assert np.array_equal(rows, theirs[3:9].numpy()), name
            checked += 1
        assert checked == sum(opened.codes.tensors.values())


@torch.no_grad()
def test_logits_are_those_of_transformers_layers(pair):
    target = Checkpoint.open(pair[0])
    tokens = torch.randint(6, 1024, (1, 60), generator=torch.Generator().manual_seed(2))
    found = float_logits(target, tokens[0].tolist())
    exact = load_qat(pair[0], False)(tokens).logits[0]
    assert float((found - exact).abs().max()) <= TOLERANCE
    # What static activation scales change, which nothing here computes with: measured 0.02 nats on random weights.
    rounded = load_qat(pair[0], True)(tokens).logits[0]
    divergence = torch.nn.functional.kl_div(exact.log_softmax(-1), rounded.log_softmax(-1), log_target=True)
    per_position = float(divergence) * exact.shape[-1]
    assert TOLERANCE < per_position < 0.05


@torch.no_grad()
def test_the_unified_decoder_may_be_codes_too(tmp_path):
    folder = write_qat_pair("tiny_unified", tmp_path)[0]
    tokens = torch.randint(6, 1024, (1, 40), generator=torch.Generator().manual_seed(4))
    found = float_logits(Checkpoint.open(folder), tokens[0].tolist())
    assert float((found - load_qat(folder, True)(tokens).logits[0]).abs().max()) <= TOLERANCE


@torch.no_grad()
def test_the_per_layer_table_may_have_one_scale_a_row(target):
    name = f"{TABLE}_per_layer.embedding_scale"
    spoil(target, lambda tensors: tensors.update({name: tensors[name][:, :1].contiguous()}))
    opened = Checkpoint.open(target)
    assert opened.tensors.codes(f"{PREFIX}embed_tokens_per_layer.weight").groups == 1
    tokens = torch.randint(6, 1024, (1, 20), generator=torch.Generator().manual_seed(3))
    exact = load_qat(target, False)(tokens).logits[0]
    assert float((float_logits(opened, tokens[0].tolist()) - exact).abs().max()) <= TOLERANCE


def test_another_process_reads_the_same(pair):
    tensors = Checkpoint.open(pair[0]).tensors
    again = pickle.loads(pickle.dumps(tensors))
    for name in (f"{GATE}.weight", f"{TABLE}_per_layer.weight", f"{TABLE}_per_layer.scale", f"{PREFIX}norm.weight"):
        assert np.array_equal(again.read(name), tensors.read(name))


@torch.no_grad()
def test_a_row_of_several_scales_is_looked_up_as_one_of_values(pair):
    """What a bundle's per-layer embedder computes, of codes and of their scales apart."""
    target = Checkpoint.open(pair[0])
    config, name = target.config, "embed_tokens_per_layer"
    rows, shape = config.vocab_size, (1, 1, config.num_layers, config.per_layer_size)
    whole = fill(Embedder(name, rows, shape, 4.0, empty_weight), target)
    apart = BlockScaledEmbedder(name, rows, shape, 4.0, empty_weight)
    tensors = load_file(pair[0] / "model.safetensors")
    codes = gemma_quant._unpack_int4(
        tensors[f"{PREFIX}{name}.embedding_quantized"], whole.get_submodule(name).weight.shape[1]
    )
    apart.get_submodule(name).weight.data = codes.float()
    apart.get_submodule(name).scale.data = torch.from_numpy(target.tensors.read(f"{PREFIX}{name}.scale"))
    for token in (0, 7, rows - 1):
        found, expected = (module(torch.tensor([[token]]))["embeddings"] for module in (apart, whole))
        assert torch.equal(found, expected) and found.abs().max() > 0


def test_head_and_table_of_the_same_codes_are_one(pair, target):
    assert Checkpoint.open(pair[0]).config.tie_word_embeddings
    spoil(target, lambda tensors: tensors["lm_head.weight"][700, 5].bitwise_xor_(1))
    assert not Checkpoint.open(target).config.tie_word_embeddings


def test_head_and_table_of_other_scales_are_two(target):
    spoil(target, lambda tensors: tensors["lm_head.weight_scale"][1023, 0].mul_(1.0000002))
    assert not Checkpoint.open(target).config.tie_word_embeddings


def test_codes_of_keys_that_no_layer_uses_may_be_there(target):
    def add(tensors):
        source, unused = (f"{PREFIX}layers.{i}.self_attn.k_proj." for i in (2, 8))
        for name in [name for name in tensors if name.startswith(source)]:
            tensors[unused + name.removeprefix(source)] = tensors[name].clone()

    spoil(target, add)
    assert Checkpoint.open(target).codes.tensors == {2: 14, 4: 46, 8: 18}


def dropped(name):
    return lambda tensors: tensors.pop(name)


def put(name, value):
    return lambda tensors: tensors.__setitem__(name, value)


def cell(name, value):
    return lambda tensors: tensors[name].view(-1).__setitem__(7, value)


DAMAGED = {
    "missing scale": (dropped(f"{GATE}.weight_scale"), f"Scale is missing: {GATE}.weight_scale"),
    "missing scale of a table": (dropped(f"{TABLE}.embedding_scale"), "Scale is missing"),
    "missing codes": (dropped(f"{GATE}.weight"), f"Codes are not what quantization_config says: {GATE}.weight"),
    "missing table": (dropped(f"{TABLE}.embedding_quantized"), "Codes are not what quantization_config says"),
    "scale without rows": (put(f"{GATE}.weight_scale", torch.ones(192)), "Scale has another shape"),
    "scale of too few rows": (put(f"{GATE}.weight_scale", torch.ones(191, 1)), "[191, 1]"),
    "scales of blocks": (put(f"{GATE}.weight_scale", torch.ones(192, 4)), "[192, 4]"),
    "scales of blocks that are no layers": (
        put(f"{TABLE}_per_layer.embedding_scale", torch.ones(1024, 3)),
        "[1024, 1] or [1024, 9]",
    ),
    "scale of integers": (put(f"{GATE}.weight_scale", torch.ones(192, 1, dtype=torch.int32)), "I32 [192, 1]"),
    "scale that is no number": (cell(f"{GATE}.weight_scale", torch.nan), "gate_proj.weight_scale, row 7"),
    "infinite scale": (cell(f"{GATE}.weight_scale", torch.inf), "infinity"),
    "scale of zero": (cell(f"{GATE}.weight_scale", 0.0), f"Scale is not above zero: {GATE}.weight_scale, row 7"),
    "negative scale": (cell(f"{GATE}.weight_scale", -1.0), "Scale is not above zero"),
    "scale that kernels take for zero": (cell(f"{GATE}.weight_scale", 1e-39), "Scale is not above zero"),
    "activations' scale that is no number": (
        put(f"{GATE}.input_activation_scale", torch.tensor(torch.nan)),
        "gate_proj.input_activation_scale",
    ),
    "activations' scale of channels": (
        put(f"{GATE}.output_activation_scale", torch.ones(192)),
        "output_activation_scale",
    ),
    "codes of too few columns": (put(f"{GATE}.weight", torch.zeros(192, 63, dtype=torch.uint8)), "U8 [192, 63]"),
    "codes of other bits": (put(f"{GATE}.weight", torch.zeros(192, 32, dtype=torch.uint8)), "4 bits for each of"),
    "signed codes where packed ones are announced": (
        put(f"{GATE}.weight", torch.zeros(192, 128, dtype=torch.int8)),
        "I8 [192, 128]",
    ),
    "floats where codes are announced": (
        put(f"{GATE}.weight", torch.zeros(192, 128, dtype=torch.bfloat16)),
        "4 bits a code",
    ),
    "codes where floats are announced": (
        put(f"{PREFIX}per_layer_model_projection.weight", torch.zeros(144, 128, dtype=torch.int8)),
        "weights of 16 or 32 bits",
    ),
    "scale beside floats": (
        put(f"{PREFIX}per_layer_model_projection.weight_scale", torch.ones(144, 1)),
        "Scale without codes",
    ),
}


@pytest.mark.parametrize(("change", "says"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_codes_are_named(target, change, says):
    spoil(target, change)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(target)
    assert says in str(caught.value) and str(target) in caught.value.where
    assert caught.value.expected and caught.value.found and caught.value.action


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_bits": 3}, "num_bits"),
        ({"num_bits": "4"}, "num_bits"),
        ({"num_bits": True}, "num_bits"),
        ({"quantize_embeddings": 1}, "quantize_embeddings"),
        ({"quantize_embeddings": False}, "embed_tokens"),
        ({"module_quant_configs": []}, "module_quant_configs"),
        ({"module_quant_configs": {"mlp": {"num_bits": 16}}}, "16"),
        ({"module_quant_configs": {"mlp": {"group_size": 32}}}, "group_size"),
        ({"module_quant_configs": {"mlp": 4}}, "4 for mlp"),
        ({"module_quant_configs": {"mlp(": {}}}, "regular expressions"),
        ({"module_quant_configs": {"(a|a)*$": {}}}, "repeated groups"),
        ({"module_quant_configs": {".*.*.*x": {}}}, "few repeats"),
        ({"module_quant_configs": {".?" * 40 + "~": {}}}, "few repeats"),
        ({"module_quant_configs": {"(.|.)" * 40 + "~": {}}}, "choices"),
        ({"module_quant_configs": {r"(.)\1": {}}}, "regular expressions"),
        ({"module_quant_configs": {str(i): {} for i in range(65)}}, "module_quant_configs"),
        ({"module_quant_configs": {"a" * 301: {}}}, "regular expressions"),
        ({"modules_to_not_convert": "lm_head"}, "modules_to_not_convert"),
        ({"modules_to_not_convert": [3]}, "modules_to_not_convert"),
        ({"modules_to_not_convert": ["(.+)+x"]}, "modules_to_not_convert"),
        ({"quant_method": "gemma2"}, "gemma2"),
    ],
)
def test_damaged_configs_are_named(target, changes, says):
    announce(target, **changes)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(target)
    assert says in str(caught.value) and str(target) in caught.value.where


def test_codes_that_no_config_announces(target):
    path = target / "config.json"
    values = json.loads(path.read_text())
    del values["quantization_config"]
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="quantised already: a method that config.json does not name"):
        Checkpoint.open(target)


def test_an_adapter_is_not_merged_into_codes(target, tmp_path, capsys):
    (tmp_path / "tuned").mkdir()
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}
    (tmp_path / "tuned/adapter_config.json").write_text(json.dumps(config))
    factors = {"lora_A": torch.ones(2, 128), "lora_B": torch.ones(192, 2)}
    tensors = {f"base_model.model.{GATE}.{name}.weight": factor for name, factor in factors.items()}
    save_file(tensors, tmp_path / "tuned/adapter_model.safetensors")
    options = ["--target", str(target), "--adapter", str(tmp_path / "tuned"), "--dry-run", "--json"]
    assert main(["--device", "pixel", *options]) == 3
    error = json.loads(capsys.readouterr().err)["error"]
    assert "Adapter can't be merged into codes" in error["title"] and "16-bit" in error["action"]


def plan(pair, recipe=None, device="pixel"):
    return make_plan(Choices(*map(str, pair), Device.load(device), recipe and Recipe.load(recipe)))


@pytest.mark.parametrize("device", ["pixel", "desktop"])
def test_codes_choose_the_recipe(pair, device):
    assert plan(pair, device=device).recipe.name == "qat"
    exact = plan(pair, "float")
    assert (exact.recipe.name, exact.per_layer_scales, plan(pair).per_layer_scales) == ("float", 1, 9)


@pytest.mark.parametrize("recipe", ["int8", "int4"])
def test_a_recipe_that_quantises_once_more_is_refused(pair, recipe):
    with pytest.raises(UsageError, match=f"Recipe {recipe} contradicts the checkpoint's own quantisation") as caught:
        plan(pair, recipe)
    assert "--recipe qat" in caught.value.expected and "2, 4, 8 bits in target" in caught.value.found


def test_a_recipe_that_keeps_codes_needs_some(pair):
    plain = [folder.parent / "plain" / folder.name for folder in pair]
    with pytest.raises(UsageError, match="for checkpoints that hold codes") as caught:
        plan(plain, "qat")
    assert "int8" in caught.value.action
    assert plan(plain).recipe.name == "int8"


def test_a_drafter_s_codes_are_kept_too(pair):
    plain = pair[0].parent / "plain/target"
    assert plan((plain, pair[1])).recipe.name == "qat"


def test_a_plan_says_what_becomes_of_the_codes(pair, capsys):
    options = ["--target", str(pair[0]), "--drafter", str(pair[1]), "--dry-run"]
    assert main(["--device", "pixel", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == "qat" and found["codes"]["target"] == {
        "method": "gemma", "tensors": {"int2": 14, "int4": 46, "int8": 18}, "widened": {},
        "unused_activation_scales": 152, "unused_cache_scales": 18,
    }  # fmt: skip
    assert main(["--device", "pixel", *options]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "of target, kept bit for bit: 2 bits in 14 tensors, 4 bits in 46 tensors, 8 bits in 18 tensors" in said
    assert "152 static scales of activations are not used" in said and "18 scales of caches are not used" in said
    assert "of drafter, kept bit for bit" in said
    assert main(["--device", "pixel", *options, "--recipe", "float"]) == 0
    assert "of target, times their scales, as float" in " ".join(capsys.readouterr().out.split())


def test_bytes_that_are_read_are_those_of_the_file(pair, capsys):
    assert main(["--device", "pixel", "--target", str(pair[0]), "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["forecast"]
    content = (pair[0] / "model.safetensors").read_bytes()
    unused = 4 * (152 + 18)
    tensors = len(content) - 8 - int.from_bytes(content[:8], "little") - unused
    assert found["read_bytes"] + found["skipped_bytes"] == tensors
    # The head's codes are the table's.
    assert found["skipped_bytes"] == 1024 * (128 // 4 + 4)
