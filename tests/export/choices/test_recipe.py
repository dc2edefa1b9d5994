"""Recipes: which bits and blocks each kind of parameter gets, fallbacks, and what is refused."""

import dataclasses

import pytest

from export.checkpoint.config import parse_drafter, parse_target
from export.checkpoint.tensors import expected_tensors
from export.choices.recipe import KEEPS_CODES, LEAST_ERROR, Recipe, Rule, Storage, kind_of
from export.errors import UsageError
from tests.checkpoints import drafter_config, target_config

ATTENTION, TABLE = "layers.3.self_attn.q_proj.weight", "embed_tokens.weight"
ROWS = Storage(4, 0, LEAST_ERROR)


def test_shipped_recipes():
    assert Recipe.names() == ["float", "int4", "int4-blocks", "int8", "qat"]
    assert [recipe.name for recipe in Recipe.all() if recipe.keep_codes] == [KEEPS_CODES] == ["qat"]
    assert [recipe.name for recipe in Recipe.all() if recipe.is_float] == ["float"]
    for recipe in Recipe.all():
        assert recipe.description and "\n" not in recipe.description
        assert 0 < recipe.tolerances.min_top1_agreement <= 1 and 0 < recipe.tolerances.min_acceptance_ratio <= 1
        assert recipe.tolerances.max_mean_kl > 0 and recipe.tolerances.near_tie_margin > 0


def test_tolerances_widen_with_fewer_bits():
    exact, eight, four = (Recipe.load(name).tolerances for name in ("float", "int8", "int4"))
    assert exact.min_top1_agreement > eight.min_top1_agreement > four.min_top1_agreement
    assert exact.max_mean_kl < eight.max_mean_kl < four.max_mean_kl


@pytest.mark.parametrize(
    ("recipe", "name", "storage"),
    [
        ("float", ATTENTION, Storage(32)),
        ("int8", ATTENTION, Storage(8)),
        ("int4", ATTENTION, ROWS),
        ("int4", "layers.0.mlp.down_proj.weight", ROWS),
        ("int4", TABLE, ROWS),
        ("int4", "head.weight", ROWS),
        ("int4", "embed_tokens_per_layer.weight", ROWS),
        ("int4", "layers.0.per_layer_input_gate.weight", Storage(8)),
        ("int4", "layers.0.per_layer_projection.weight", Storage(8)),
        ("int4", "per_layer_model_projection.weight", Storage(8)),
        ("int4", "drafter.layers.0.self_attn.q_proj.weight", Storage(8)),
        ("int4", "drafter.pre_projection.weight", Storage(8)),
        ("int4-blocks", ATTENTION, Storage(4, 32)),
        ("int4-blocks", "layers.0.mlp.down_proj.weight", Storage(4, 32)),
        ("int4-blocks", TABLE, Storage(8)),
        ("int4-blocks", "head.weight", Storage(8)),
        ("int4-blocks", "embed_tokens_per_layer.weight", Storage(8)),
        ("int4-blocks", "drafter.layers.0.self_attn.q_proj.weight", Storage(8)),
    ],
)
def test_storage(recipe, name, storage):
    assert Recipe.load(recipe).storage(name, (256, 128)) == storage


@pytest.mark.parametrize("shape", [(), (1,), (1536,)])
def test_vectors_stay_float(shape):
    assert Recipe.load("int4").storage("layers.0.layer_scalar", shape) == Storage(32)


def test_block_that_does_not_divide_the_row():
    assert Recipe.load("int4-blocks").storage(ATTENTION, (128, 48)) == Storage(4)


def test_four_bits_of_an_odd_row():
    assert Recipe.load("int4").storage(ATTENTION, (128, 33)) == Storage(8)


def test_storage_sizes():
    assert Storage(4, 32).nbytes((64, 128)) == 4096 and Storage(4, 32).num_scales((64, 128)) == 256
    assert Storage(8).nbytes((64, 128)) == 8192 and Storage(8).num_scales((64, 128)) == 64
    assert Storage(32).nbytes((64, 128)) == 32768 and Storage(32).num_scales((64, 128)) == 0


@pytest.mark.parametrize("preset", ["tiny_e2b", "tiny_e4b", "tiny_plain", "e2b"])
def test_every_matrix_has_a_kind(preset):
    target = expected_tensors(parse_target(target_config(preset), "x"), "")
    drafter = expected_tensors(parse_drafter(drafter_config(preset), "x"), "")
    kinds = {kind_of(name) for name, shape in target.items() if len(shape) > 1}
    assert {"embedding", "attention", "mlp"} <= kinds
    assert ("per_layer" in kinds) == ("per_layer_embedding" in kinds) == (preset != "tiny_plain")
    kinds = {kind_of(f"drafter.{name}") for name, shape in drafter.items() if len(shape) > 1}
    assert {"drafter.embedding", "drafter.attention", "drafter.mlp", "drafter.projection"} <= kinds


def test_unknown_matrix_is_a_defect():
    with pytest.raises(ValueError, match="layers.0.router"):
        Recipe.load("int8").storage("layers.0.router", (4, 4))


def test_rules_by_name_come_first():
    rules = (Rule("layers.0.*", 32), Rule("attention", 4, 64), Rule("*", 8))
    recipe = dataclasses.replace(Recipe.load("int4"), rules=rules)
    assert recipe.storage("layers.0.mlp.up_proj.weight", (64, 64)) == Storage(32)
    assert recipe.storage(ATTENTION, (64, 64)) == Storage(4, 64)


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (Rule("attention", 8),),
        (Rule("*", 2),),
        (Rule("*", 4, 48),),
        (Rule("*", 32, 32),),
        (Rule("*", 4, 0, "mean"),),
        (Rule("*", 8, 0, LEAST_ERROR),),
        (Rule("*", 4, 32, LEAST_ERROR),),
        (Rule("head", 4), Rule("*", 8)),  # the table they share is stored once
        (Rule("head", 4), Rule("*", 4, 0, LEAST_ERROR)),
    ],
)
def test_refused_rules(rules):
    with pytest.raises(UsageError, match="int4"):
        dataclasses.replace(Recipe.load("int4"), rules=rules)


def test_unknown_recipe():
    with pytest.raises(UsageError) as caught:
        Recipe.load("int5")
    assert "float, int4, int4-blocks, int8" in caught.value.expected and "int" in caught.value.action
    assert caught.value.exit_code == 2


OWN = """
description = "mine"
rules = [{ match = "mlp", bits = 4, block = 32 }, { match = "*", bits = 8 }]
[tolerances]
min_top1_agreement = 0.9
max_mean_kl = 1
min_acceptance_ratio = 0.8
near_tie_margin = 0.5
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    return path


def test_a_recipe_of_the_user_s(own, monkeypatch):
    recipe = Recipe.load(str(own))
    assert (recipe.name, recipe.description, recipe.source) == ("mine", "mine", own)
    assert recipe.rules == (Rule("mlp", 4, 32), Rule("*", 8)) and recipe.tolerances.max_mean_kl == 1
    monkeypatch.chdir(own.parent)
    assert Recipe.load("mine.toml") == recipe and not recipe.keep_codes
    own.write_text(OWN.replace("bits = 8", 'bits = 4, scales = "least_error"'))
    assert Recipe.load("mine.toml").storage(TABLE, (64, 64)) == ROWS
    own.write_text(OWN.replace("rules", "keep_codes = true\nrules", 1))
    assert Recipe.load("mine.toml").keep_codes


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('description = "mine"', 'description = "mine"\ndraft = 4', ("the file", "unknown key draft")),
        ('description = "mine"', "", ("description", "no such key")),
        ('"mine"', "7", ("description of type string", "7")),
        ("bits = 8", "bits = 8, blocks = 32", ("rule 2", "unknown key blocks")),
        ("bits = 8", "bits = true", ("rule 2: bits of type integer", "True")),
        ("bits = 8", "bits = 8.0", ("rule 2: bits of type integer", "8.0")),
        (", bits = 8 }", " }", ("rule 2: bits", "no such key")),
        ("bits = 4", "bits = 3", ("(32, 8, 4)", "bits=3")),
        ("bits = 8", 'bits = 4, scales = "mean"', ("('maximum', 'least_error')", "scales='mean'")),
        ("bits = 8", "bits = 4, scales = 4", ("rule 2: scales of type string", "4")),
        ("bits = 8", 'bits = 8, scales = "least_error"', ("least_error with 4 bits and without a block", "bits=8")),
        ("block = 32", 'block = 32, scales = "least_error"', ("with 4 bits and without a block", "block=32")),
        ('"*"', '"head"', ('matches "*"', "head")),
        ("rules = [", "rules = [1, ", ("rule 1", "1")),
        ("rules = [", "rules = 1\nothers = [", ("rules of type array", "1")),
        ("max_mean_kl", "max_kl", ("tolerances", "unknown key max_kl")),
        ("max_mean_kl = 1", 'max_mean_kl = "1"', ("max_mean_kl of type number", "'1'")),
        ("max_mean_kl = 1", "max_mean_kl = nan", ("max_mean_kl of 0 or more", "nan")),
        ("max_mean_kl = 1", "max_mean_kl = -1", ("max_mean_kl of 0 or more", "-1")),
        ("max_mean_kl = 1", "max_mean_kl = inf", ("max_mean_kl of 0 or more", "inf")),
        ("min_top1_agreement = 0.9", "min_top1_agreement = 1.5", ("min_top1_agreement from 0 to 1", "1.5")),
        ("[tolerances]", "[tolerance]", ("the file", "unknown key tolerance")),
        ("rules = [", "rules = [[", ("a TOML file", "line")),
        ("rules = [", "keep_codes = 1\nrules = [", ("keep_codes of type boolean", "1")),
        ("mine", "\0", ("a TOML file", "line")),
    ],
)
def test_what_is_wrong_in_a_file_is_named(own, old, new, names):
    assert old in OWN
    own.write_text(OWN.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        Recipe.load(str(own))
    error = caught.value
    assert error.where == str(own) and error.exit_code == 2
    assert error.action in ("Mend mine.toml.", "Name another file, or one of float, int4, int4-blocks, int8, qat.")
    assert names[0] in error.expected and names[1] in error.found


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"#" * (1 << 20) + b"#", b"a = " + b"[" * 100_000], ids=["no text", "long", "nested"]
)
def test_what_is_no_recipe_at_all(own, content):
    own.write_bytes(content)
    with pytest.raises(UsageError, match="mine"):
        Recipe.load(str(own))


def test_a_file_that_is_not_there_and_one_that_is_no_file(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path, "/dev/zero", tmp_path / "none"):
        with pytest.raises(UsageError) as caught:
            Recipe.load(f"{path}/" if path == tmp_path else str(path))
        assert caught.value.found == "no such file"


def test_a_file_does_not_take_the_name_of_a_shipped_recipe(own):
    taken = own.rename(own.with_name("int8.toml"))
    with pytest.raises(UsageError) as caught:
        Recipe.load(str(taken))
    assert caught.value.action == "Rename it." and Recipe.load("int8").source != taken
