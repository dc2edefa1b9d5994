"""config.json → TextConfig: both dialects, Transformers' defaults, the published sizes, and what is refused."""

import copy
from pathlib import Path

import pytest

from export.checkpoint.config import FULL, SLIDING, parse_drafter, parse_target
from export.errors import CheckpointError
from tests.checkpoints import PRESETS, drafter_config, target_config

WHERE = Path("somewhere/config.json")
E2B = {
    "hidden_size": 1536, "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256,
    "global_head_dim": 512, "intermediate_size": 6144, "use_double_wide_mlp": True, "sliding_window": 512,
    "num_kv_shared_layers": 20, "layer_types": ([SLIDING] * 4 + [FULL]) * 7, "final_logit_softcapping": 30.0,
}  # fmt: skip
E4B = {
    "hidden_size": 2560, "num_hidden_layers": 42, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256,
    "global_head_dim": 512, "intermediate_size": 10240, "sliding_window": 512, "num_kv_shared_layers": 18,
    "final_logit_softcapping": 30.0,
}  # fmt: skip


def parse_text(values: dict):
    return parse_target({"model_type": "gemma4", "text_config": values}, WHERE)


def parse_unified(values: dict):
    return parse_target({"model_type": "gemma4_unified", "text_config": values}, WHERE)


def transformers_text(values: dict, kind: str = "gemma4_text") -> dict:
    """What Transformers' own config and modules make of the same keys, by our names."""
    from transformers import Gemma4TextConfig, Gemma4UnifiedTextConfig

    kinds = {"gemma4_text": Gemma4TextConfig, "gemma4_unified_text": Gemma4UnifiedTextConfig}
    config = kinds[kind](**copy.deepcopy(values))
    layers = config.per_layer_config
    first_shared = config.num_hidden_layers - config.num_kv_shared_layers
    wide = [config.use_double_wide_mlp and layer >= first_shared > 0 for layer in range(config.num_hidden_layers)]
    ropes = {kind: config.rope_parameters[kind] for kind in set(config.layer_types)}
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_hidden_layers,
        "layer_types": tuple(config.layer_types),
        "intermediate_sizes": tuple(config.intermediate_size * (2 if one else 1) for one in wide),
        "num_heads": config.num_attention_heads,
        "kv_heads": tuple(layer.num_key_value_heads for layer in layers),
        "head_dims": tuple(layer.head_dim for layer in layers),
        "sliding_window": config.sliding_window,
        "num_kv_shared_layers": config.num_kv_shared_layers,
        "per_layer_size": getattr(config, "hidden_size_per_layer_input", 0),
        "softcap": config.final_logit_softcapping,
        "rms_norm_eps": config.rms_norm_eps,
        "hidden_activation": config.hidden_activation,
        "attention_k_eq_v": config.attention_k_eq_v,
        "max_position_embeddings": config.max_position_embeddings,
        "rope": {
            kind: (rope["rope_type"], rope["rope_theta"], rope.get("partial_rotary_factor", 1.0))
            for kind, rope in ropes.items()
        },
    }


@pytest.mark.parametrize(
    "config",
    [
        *({"model_type": "gemma4", "text_config": values} for values in ({}, E2B, E4B)),
        {"model_type": "gemma4_unified", "text_config": {}},
        *(target_config(name) for name in PRESETS),
    ],
    ids=["defaults", "E2B", "E4B", "unified defaults", *PRESETS],
)
def test_agrees_with_transformers(config):
    ours = parse_target(config, WHERE)
    theirs = transformers_text(config["text_config"], f"{config['model_type']}_text")
    rope = {kind: (one.type, one.theta, one.partial_rotary_factor) for kind, one in ours.rope.items()}
    found = {key: getattr(ours, key) for key in theirs if key != "rope"} | {"rope": rope}
    assert found == theirs


@pytest.mark.parametrize("preset", [name for name in PRESETS if name.startswith("tiny")])
def test_dialects_give_equal_configs(preset):
    from transformers import CONFIG_MAPPING

    ours = target_config(preset)
    theirs = CONFIG_MAPPING[ours["model_type"]].from_dict(copy.deepcopy(ours)).to_dict()
    assert "per_layer_config" in theirs["text_config"] and "global_head_dim" not in theirs["text_config"]
    assert parse_target(theirs, WHERE) == parse_target(ours, WHERE)
    ours = drafter_config(preset)
    theirs = CONFIG_MAPPING[ours["model_type"]].from_dict(copy.deepcopy(ours)).to_dict()
    assert "per_layer_config" in theirs["text_config"]
    assert parse_drafter(theirs, WHERE) == parse_drafter(ours, WHERE)


def test_text_only_checkpoint_equals_the_whole_one():
    for preset, whole in (("tiny_e2b", parse_text), ("tiny_unified", parse_unified)):
        values = target_config(preset)["text_config"]
        assert parse_target(values, WHERE) == whole(values)


def test_e2b_sizes():
    config = parse_text(E2B)
    assert [layer for layer, kind in enumerate(config.layer_types) if kind == FULL] == [4, 9, 14, 19, 24, 29, 34]
    assert config.kv_layers == tuple(range(15)) and config.first_shared_layer == 15
    assert config.drafter_kv_layers == {SLIDING: 13, FULL: 14}
    assert config.intermediate_sizes == (6144,) * 15 + (12288,) * 20
    cached = sum(2 * config.kv_heads[layer] * config.head_dims[layer] for layer in config.kv_layers)
    assert cached == 9_216  # bytes a token in int8
    assert (config.per_layer_size, config.vocab_size_per_layer_input) == (256, 262_144)


def test_e4b_sizes():
    config = parse_text(E4B)
    assert [layer for layer, kind in enumerate(config.layer_types) if kind == FULL] == [5, 11, 17, 23, 29, 35, 41]
    assert config.kv_layers == tuple(range(24))
    assert config.drafter_kv_layers == {SLIDING: 22, FULL: 23}
    assert config.intermediate_sizes == (10240,) * 42
    assert sum(2 * config.kv_heads[layer] * config.head_dims[layer] for layer in config.kv_layers) == 28_672


def test_shared_layers_read_the_last_cache_of_their_type():
    config = parse_text(E2B)
    assert [config.kv_source(layer) for layer in (0, 14, 15, 19, 34)] == [0, 14, 13, 14, 14]


def test_per_layer_config_leaves_other_layers_at_head_dim():
    values = {key: value for key, value in E4B.items() if key != "global_head_dim"}
    assert set(parse_text(values | {"per_layer_config": {}}).head_dims) == {256}


def test_layer_numbers_may_be_padded():
    # As Transformers 5.22 writes them for models of more than ten layers.
    padded = {f"{layer:02}": {"head_dim": 512} for layer in (5, 11, 17, 23, 29, 35, 41)}
    values = {key: value for key, value in E4B.items() if key != "global_head_dim"}
    assert parse_text(values | {"per_layer_config": padded}) == parse_text(E4B)


def test_key_is_value_in_full_layers_only():
    config = parse_text(target_config("tiny_k_eq_v")["text_config"])
    assert [config.key_is_value(layer) for layer in range(3)] == [False, False, True]
    assert config.kv_heads[:3] == (4, 4, 2)


def test_global_kv_heads_need_k_eq_v():
    assert set(parse_text(E4B | {"num_global_key_value_heads": 4}).kv_heads) == {2}


REFUSED = {
    "enable_moe_block": True,
    "attention_bias": True,
    "use_bidirectional_attention": "all",
    "hidden_activation": "silu",
    "num_hidden_layers": 0,
    "hidden_size": "1536",
    "vocab_size": True,
    "rms_norm_eps": -1,
    "num_kv_shared_layers": 42,
    "layer_types": [FULL],
    "num_attention_heads": 3,
    "sliding_window": 2**24 + 1,
    "per_layer_config": {"99": {"head_dim": 512}},
}


@pytest.mark.parametrize("key", REFUSED)
def test_refused_keys_are_named(key):
    with pytest.raises(CheckpointError) as caught:
        parse_text(E4B | {key: REFUSED[key]})
    assert f"text_config.{key}" in caught.value.title and str(WHERE) == caught.value.where
    assert str(REFUSED[key])[:20] in caught.value.found and caught.value.expected


def test_experts_are_refused_by_name():
    with pytest.raises(CheckpointError, match="Mixture-of-experts models are not supported") as caught:
        parse_text(E4B | {"enable_moe_block": True, "num_experts": 128})
    assert "128 experts" in caught.value.found and "12B" in caught.value.action


def test_the_unified_decoder_has_no_per_layer_embeddings():
    with pytest.raises(CheckpointError, match="text_config.hidden_size_per_layer_input") as caught:
        parse_unified({"hidden_size_per_layer_input": 256})
    assert "unified" in caught.value.expected


def test_a_drafter_s_decoder_is_of_the_type_that_its_text_config_names():
    """As AutoConfig has it, whatever the assistant's own type; that one decides where none is named."""
    bare = {key: value for key, value in drafter_config("tiny_unified").items() if key != "text_config"}

    def window(text, **changes):
        return parse_drafter(bare | {"text_config": text} | changes, WHERE).text.sliding_window

    assert (window({}), window({}, model_type="gemma4_assistant")) == (1024, 512)
    assert window({"model_type": "gemma4_text"}) == 512
    assert window({"model_type": "gemma4_unified_text"}, model_type="gemma4_assistant") == 1024
    with pytest.raises(CheckpointError, match="text_config.model_type"):
        window({"model_type": "gemma3_text"})
    del bare["backbone_hidden_size"]
    assert parse_drafter(bare, WHERE).backbone_hidden_size == 3840


def test_null_is_the_default():
    """Some tools write every key of a config, null where it was never set."""
    keys = {*E2B, *target_config("tiny_k_eq_v")["text_config"], "rope_parameters", "per_layer_config"}
    assert parse_text(dict.fromkeys(keys)) == parse_text({})
    nulls = dict.fromkeys(("tie_word_embeddings", "quantization_config", "transformers_weights"))
    assert parse_target({"model_type": "gemma4", "text_config": E2B} | nulls, WHERE) == parse_text(E2B)
    drafter = drafter_config("tiny_e4b")
    keys = ("num_centroids", "centroid_intermediate_top_k", "use_ordered_embeddings", "tie_word_embeddings")
    expected = parse_drafter({key: value for key, value in drafter.items() if key not in keys}, WHERE)
    assert parse_drafter(drafter | dict.fromkeys(keys), WHERE) == expected
    ropes = {kind: {"rope_theta": 1e4, "factor": None, "partial_rotary_factor": None} for kind in (SLIDING, FULL)}
    assert parse_text({"rope_parameters": ropes}).rope[FULL].partial_rotary_factor == 1.0
    assert parse_text({"rope_parameters": {SLIDING: None, FULL: None}}) == parse_text({}) == parse_text(None)
    assert parse_drafter(drafter | {"text_config": None}, WHERE) == parse_drafter(drafter | {"text_config": {}}, WHERE)


def test_per_layer_rows_beyond_the_vocabulary_are_allowed():
    assert parse_text({"vocab_size": 1000, "vocab_size_per_layer_input": 1024}).vocab_size_per_layer_input == 1024


@pytest.mark.parametrize(
    ("rope", "key"),
    [
        ({"rope_type": "yarn", "rope_theta": 1e4}, "rope_type"),
        ({"rope_type": "default", "rope_theta": 0}, "rope_theta"),
        ({"rope_type": "default", "rope_theta": 1e4, "factor": 8.0}, "factor"),
        ({"rope_type": "proportional", "rope_theta": 1e4, "partial_rotary_factor": 1.5}, "partial_rotary_factor"),
        ([], FULL),
    ],
)
def test_refused_ropes_are_named(rope, key):
    ropes = {SLIDING: {"rope_type": "default", "rope_theta": 1e4}, FULL: rope}
    with pytest.raises(CheckpointError, match=f"rope_parameters.{FULL}.*{key}|rope_parameters.{key}"):
        parse_text(E4B | {"rope_parameters": ropes})


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ({"5": {"intermediate_size": 64}}, "per_layer_config.5.intermediate_size"),
        ({"5": {"head_dim": 512}}, "per_layer_config"),  # the other full layers keep 256
        ({"5": 3}, "per_layer_config.5"),
        ({"x": {}}, "per_layer_config"),
        ({"5": {}, "05": {}}, "per_layer_config"),
        ([], "per_layer_config"),
    ],
)
def test_refused_overrides_are_named(override, key):
    with pytest.raises(CheckpointError) as caught:
        parse_text(E4B | {"per_layer_config": override})
    assert f"text_config.{key}" in caught.value.title


@pytest.mark.parametrize("values", [3, [], "text"])
def test_text_config_must_be_an_object(values):
    with pytest.raises(CheckpointError, match="text_config is not an object"):
        parse_text(values)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"num_centroids": 37}, "num_centroids"),
        ({"centroid_intermediate_top_k": 2048}, "centroid_intermediate_top_k"),
        ({"backbone_hidden_size": 0}, "backbone_hidden_size"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"transformers_weights": "other.safetensors"}, "transformers_weights"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
    ],
)
def test_refused_drafter_keys_are_named(changes, key):
    with pytest.raises(CheckpointError) as caught:
        parse_drafter(drafter_config("tiny_e2b") | changes, WHERE)
    assert key in caught.value.title


@pytest.mark.parametrize(
    "changes",
    [{"num_kv_shared_layers": 1}, {"hidden_size_per_layer_input": 16}, {"use_double_wide_mlp": True}],
)
def test_drafter_layers_share_everything(changes):
    config = drafter_config("tiny_e2b")
    config["text_config"] |= changes
    with pytest.raises(CheckpointError, match=next(iter(changes))):
        parse_drafter(config, WHERE)


def test_drafter_shares_all_layers_when_the_key_is_absent():
    config = drafter_config("tiny_e2b")
    expected = parse_drafter(config, WHERE)
    del config["text_config"]["num_kv_shared_layers"]
    assert parse_drafter(config, WHERE) == expected
    assert expected.text.kv_layers == () and expected.text.num_kv_shared_layers == 3
