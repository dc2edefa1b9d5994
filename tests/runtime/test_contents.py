"""Bundles that somebody else sealed: digests right, content wrong. Each ends in a named error, soon and in little
memory (BUNDLE.md)."""

import json
import resource
import time
from dataclasses import replace

import pytest

from export.bundle.sections import pack_tokenizer, pack_traces
from export.cli.main import main
from runtime_spec.bundle.contents import CHOICES, MODELS, expected_signatures
from runtime_spec.bundle.manifest import Signature, TensorSpec
from runtime_spec.chat.format import Affixes
from runtime_spec.errors import UsageError
from runtime_spec.litert.runtime import Runtime
from runtime_spec.litert.target import LiteRtTarget
from tests import tiny_graphs
from tests.sealed import opened_sections, seal_bundle, stated_tokenizer, tiny_manifest, tiny_sections, tokenizer_json

SECONDS, BYTES = 10, 400 << 20  # of the processor: other processes' work is not counted


@pytest.fixture(scope="module")
def made():
    """A manifest of ours and the sections that go with it."""
    values = tiny_manifest()
    return values, tiny_sections(values)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")


@pytest.fixture
def refuse(tmp_path, capfd):
    """Seals a bundle and expects each verb to end in one of `codes` and to name `text`."""

    def check(sections, values, text, codes=(8,), verbs=("generate", "verify")):
        path = seal_bundle(tmp_path / "model.litertlm", sections, values)
        for verb in verbs:
            begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            more = ["--prompt", "the cat"] if verb == "generate" else []
            code, found = main([verb, str(path), *more]), capfd.readouterr().err
            assert code in codes and text in found and "Traceback" not in found, (verb, code, found)
            assert all(part in found for part in ("expected:", "found:", "where:", "do:"))
            assert time.process_time() - begin < SECONDS
            assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < BYTES

    return check


def test_the_bundle_that_the_others_are_made_of_is_sound(made, tmp_path, capfd):
    path = seal_bundle(tmp_path / "model.litertlm", made[1], made[0])
    assert main(["verify", str(path)]) == 0 and main(["generate", str(path), "--prompt", "the cat", "--chat"]) == 0
    assert "no forks" in capfd.readouterr().out


@pytest.mark.parametrize(
    "config", [{"per_layer_size": 0}, {"kv_heads": (4, 1), "head_dims": (2, 6)}, {"num_layers": 3}]
)
@pytest.mark.parametrize("drafting", [True, False])
def test_bundles_of_other_shapes_are_sound_too(config, drafting, tmp_path):
    changes = {} if drafting else {"drafter": None, "draft_tokens": 3}
    first = tiny_manifest(**changes)
    values = replace(first, config=replace(first.config, **config))
    names = ["main", "embedder"] + ["per_layer_embedder"] * bool(values.config.per_layer_size) + ["drafter"] * drafting
    values = replace(values, signatures={name: expected_signatures(values, name) for name in names})
    path = seal_bundle(tmp_path / "model.litertlm", tiny_sections(values), values)
    assert main(["verify", str(path)]) == 0 and main(["generate", str(path), "--prompt", "the"]) == 0


def test_the_exports_own_bundle_follows_the_rules(int8_out):
    assert main(["verify", str(int8_out / "model.litertlm")]) == 0


@pytest.mark.parametrize("name", ["llm_metadata", "tokenizer", "embedder", "per_layer_embedder", "main", "drafter"])
def test_a_missing_section_is_named(made, refuse, name):
    refuse({key: content for key, content in made[1].items() if key != name}, made[0], name)


def test_a_section_that_the_manifest_does_not_know_of_is_refused(made, refuse):
    values, sections = made
    plain = replace(values, config=replace(values.config, per_layer_size=0))
    plain = replace(plain, signatures={n: expected_signatures(plain, n) for n in ("main", "embedder", "drafter")})
    refuse(sections, plain, "per_layer_embedder")
    alone = replace(values, drafter=None)
    alone = replace(alone, signatures={n: s for n, s in alone.signatures.items() if n != "drafter"})
    refuse(sections, alone, "drafter")


def test_a_drafter_has_a_graph_of_several_drafts_for_each_width_or_none(made, refuse):
    values, sections = made
    hidden, step = values.config.hidden_size, values.signatures["drafter"]["mtp_drafter"]
    float32, int32 = (lambda *shape, dtype=dtype: TensorSpec(dtype, shape) for dtype in ("float32", "int32"))
    inputs = step.inputs | {"token_ids": int32(1, 1), "activations": float32(1, 1, hidden)}
    drafts = {
        f"draft_{count}": Signature(inputs, {"draft_tokens": int32(count), "largest_logits": float32(count, 8)})
        for count in (1, 3)
    }
    assert values.verify_widths == (2, 4) and expected_signatures(values, "drafter") == {"mtp_drafter": step}

    def stating(found):
        return replace(values, signatures=values.signatures | {"drafter": {"mtp_drafter": step} | found})

    assert expected_signatures(stating(drafts), "drafter") == {"mtp_drafter": step} | drafts
    refuse(sections, stating(drafts), "the graph of section drafter")
    for wrong in ({"draft_1": drafts["draft_1"]}, drafts | {"draft_2": drafts["draft_1"]}, drafts | {"draft_3": step}):
        refuse(sections, stating(wrong), "signatures.drafter")


def test_graphs_that_choose_are_sound_and_all_that_score_do_or_none(refuse, tmp_path, capfd):
    values = tiny_manifest(chooses=True)
    sections = tiny_sections(values)
    path = seal_bundle(tmp_path / "choosing.litertlm", sections, values)
    assert main(["verify", str(path)]) == 0 and "no forks" in capfd.readouterr().out
    decode = values.signatures["main"]["decode"]
    assert decode.outputs["target_tokens"] == TensorSpec("int32", (1,))
    assert decode.outputs["largest_logits"] == TensorSpec("float32", (1, 2))
    for change in ({}, {"target_tokens": TensorSpec("int32", (2,))}, {"largest_logits": TensorSpec("float32", (1, 8))}):
        outputs = {n: s for n, s in decode.outputs.items() if change or n not in CHOICES} | change
        wrong = values.signatures["main"] | {"decode": Signature(decode.inputs, outputs)}
        refuse(sections, replace(values, signatures=values.signatures | {"main": wrong}), "signatures.main")
    unstated = tiny_manifest()
    refuse(sections, unstated, "the graph of section main")


def test_choices_that_contradict_the_logits_are_found_by_verify(refuse, monkeypatch):
    """Planted: the second largest; in the traces, too, as if nobody had looked when they were recorded."""
    values = tiny_manifest(chooses=True)
    sound = tiny_sections(values)
    monkeypatch.setattr(tiny_graphs, "CHOSEN", 1)
    refuse(sound | tiny_graphs.graphs(values), values, "not that of its logits", verbs=["verify"])
    with monkeypatch.context() as patch:
        patch.setattr(LiteRtTarget, "comparing", lambda self: self)
        wrong = tiny_sections(values)
    assert wrong["traces"] != sound["traces"] and wrong["main"] != sound["main"]
    refuse(wrong, values, "not that of its logits", verbs=["verify"])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("other", MODELS)
def test_graphs_in_each_others_place_are_refused(made, refuse, name, other):
    if name != other:
        refuse(made[1] | {name: made[1][other]}, made[0], f"section {name}")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(4000), b"\x1c\0\0\0TFL3" + bytes(200)])
def test_a_section_that_is_no_graph_is_an_error_of_litert(made, refuse, name, content):
    refuse(made[1] | {name: content}, made[0], "LiteRt", codes=(8, 10))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("context_length", 1),
        ("context_length", 65),
        ("context_length", 2**31 - 1),
        ("prefill_lengths", [4]),
        ("prefill_lengths", [4, 17]),
        ("verify_widths", [4]),
        ("verify_widths", [2, 4, 8]),
        ("draft_tokens", 1),
        ("config.vocab_size", 65),
        ("config.hidden_size", 9),
        ("config.per_layer_size", 5),
        ("config.kv_heads", [2, 2]),
        ("config.head_dims", [4, 9]),
        ("config.drafter_kv_layers", {"sliding_attention": 1, "full_attention": 1}),
    ],
)
def test_numbers_that_the_graphs_do_not_have_are_refused(made, refuse, tmp_path, key, value):
    """With the signatures as they were, which then contradict the number, and with signatures that follow from it."""
    _, values = opened_sections(seal_bundle(tmp_path / "first.litertlm", made[1], made[0]))
    folder = values["config"] if "." in key else values
    folder[key.split(".")[-1]] = value
    refuse(made[1], values, "")
    changes = {key.split(".")[-1]: tuple(value) if isinstance(value, list) else value}
    config = replace(made[0].config, **changes) if "." in key else made[0].config
    try:
        other = replace(made[0], config=config, **({} if "." in key else changes))
    except Exception as error:  # the manifest contradicts itself: it says so on its own
        assert type(error).__name__ == "BundleError"
        return
    other = replace(other, signatures={name: expected_signatures(other, name) for name in MODELS})
    if other != made[0]:
        refuse(made[1], other, "")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("change", ["dtype", "shape", "tensor", "signature"])
def test_signatures_that_do_not_follow_from_the_manifest_are_refused(made, refuse, tmp_path, name, change):
    _, values = opened_sections(seal_bundle(tmp_path / "first.litertlm", made[1], made[0]))
    signatures = values["signatures"][name]
    key = min(signatures)
    tensor = min(signatures[key]["inputs"])
    if change == "dtype":
        signatures[key]["inputs"][tensor]["dtype"] = "float16"
    elif change == "shape":
        signatures[key]["inputs"][tensor]["shape"].append(1)
    elif change == "tensor":
        signatures[key]["outputs"]["more"] = {"dtype": "float32", "shape": [1]}
    else:
        signatures["more"] = signatures[key]
    refuse(made[1], values, name)


NESTED = b"[" * 200_000
GROWING = {"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"} for _ in range(30)
]}  # fmt: skip
SPLIT = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "MergedWithPrevious", "invert": False}
BYTES_SPLIT = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
TRUNCATION = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
PADDING = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None}
PADDING |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}
OTHER_KINDS = {
    "growing": {"normalizer": GROWING},
    "long prefix": {"normalizer": {"type": "Prepend", "prepend": "a" * 1000}},
    "regex": {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}},
    "empty pattern": {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "a" * 1000}},
    "NFKD": {"normalizer": {"type": "NFKD"}},
    "backtracking": {"pre_tokenizer": SPLIT},
    "other place of the split": {"pre_tokenizer": SPLIT | {"pattern": {"String": " "}, "behavior": "Isolated"}},
    "inverted split": {"pre_tokenizer": SPLIT | {"pattern": {"String": " "}, "invert": True}},
    "split of bytes": {"pre_tokenizer": BYTES_SPLIT},
    "growing decoder": {"decoder": {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10_000}},
    "truncation": {"truncation": TRUNCATION},
    "padding": {"padding": PADDING},
    "word level": {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}},
    "dropout": {"model": {"type": "BPE", "dropout": 0.5, "vocab": {"a": 0}, "merges": []}},
    "suffix": {"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": []}},
}


@pytest.mark.parametrize(
    "content",
    [b"{}", b"", b"\xff\xfe", b"null", b"[]", NESTED, b'{"model":' * 50_000, b'{"version":"1.0","model":null}'],
    ids=["empty object", "empty", "no UTF-8", "null", "list", "nested lists", "nested objects", "no model"],
)
def test_a_broken_tokenizer_is_named(made, refuse, content):
    refuse(made[1] | {"tokenizer": pack_tokenizer(content)}, made[0], "tokenizer")


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_tokenizer_of_another_kind_is_refused(made, refuse, kind):
    content = tokenizer_json(**OTHER_KINDS[kind])
    refuse(made[1] | {"tokenizer": pack_tokenizer(content)}, made[0], "tokenizer")


def test_a_tokenizer_larger_than_its_vocabulary_needs_is_not_unpacked(made, refuse):
    huge = tokenizer_json() + b" " * (200 << 20)
    refuse(made[1] | {"tokenizer": stated_tokenizer(len(huge), huge)}, made[0], "tokenizer")


def test_an_id_outside_the_vocabulary_is_refused(made, refuse):
    values = json.loads(tokenizer_json())
    values["model"]["vocab"]["t"] = 70
    sections = made[1] | {"tokenizer": pack_tokenizer(json.dumps(values).encode())}
    refuse(sections, made[0], "id 70", verbs=["generate"])


def test_a_turn_s_prefix_of_five_megabytes_is_a_prompt_that_is_too_long(made, tmp_path, capfd):
    values = replace(made[0], chat=replace(made[0].chat, user=Affixes("the " * (5 << 18), "")))
    path = seal_bundle(tmp_path / "model.litertlm", made[1], values)
    begin = time.process_time()
    assert main(["generate", str(path), "--prompt", "the", "--chat"]) == 9
    assert time.process_time() - begin < SECONDS and "texts of the chat template" in capfd.readouterr().err


def test_the_longest_prompt_that_is_encoded_and_the_first_that_is_not(made, tmp_path, capfd):
    path = seal_bundle(tmp_path / "model.litertlm", made[1], made[0])
    for text, says in (("a" * 128 * 64, "tokens"), ("a" * (128 * 64 + 1), "bytes"), ("é" * (64 * 64 + 1), "bytes")):
        assert main(["generate", str(path), "--prompt", text]) == 9
        assert says in capfd.readouterr().err


@pytest.mark.parametrize("text", ["a\udcff", "\ud800", "the \udfff cat"])
def test_a_prompt_that_is_no_unicode_is_a_usage_error(made, tmp_path, text, capfd):
    path = seal_bundle(tmp_path / "model.litertlm", made[1], made[0])
    assert main(["generate", str(path), "--prompt", text]) == 2
    with Runtime(path) as runtime, pytest.raises(UsageError):
        runtime.encode(text)


def traced(made, **traces):
    return made[1] | {"traces": pack_traces(traces)}


def golden(made):
    return made[1]["traces"].split(b"\n", 1)[1]


def test_a_bundle_without_a_trace_fails_verify(made, refuse, tmp_path):
    refuse(traced(made), made[0], "no golden trace", codes=(11,), verbs=["verify"])
    assert main(["generate", str(tmp_path / "model.litertlm"), "--prompt", "the"]) == 0


@pytest.mark.parametrize(
    "text",
    [NESTED, b'{"format":' * 50_000, b"", b"\n", b"{}\n", b'{"a":NaN}\n', b"1" * 10_000],
    ids=["nested lists", "nested objects", "empty", "empty line", "empty object", "no number", "long number"],
)
def test_a_trace_that_breaks_its_format_is_a_trace_error(made, refuse, text):
    refuse(traced(made, odd=text), made[0], "odd", codes=(11,), verbs=["verify"])


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        (b'"prompt_tokens":[2,', b'"prompt_tokens":[64,', (2,)),
        (b'"prompt_tokens":[2,', b'"prompt_tokens":[99999999999999999999,', (11,)),
        (b'"tolerance":0.000000', b'"tolerance":1' + b"0" * 400, (11,)),
        (b'"capacity":64', b'"capacity":65', (11,)),
        (b'"capacity":64', b'"capacity":' + b"9" * 30, (11,)),
        (b'"verify_widths":[1,2,4]', b'"verify_widths":[1,2,4,8]', (11,)),
        (b'"max_new_tokens":12', b'"max_new_tokens":' + b"9" * 30, (11,)),
        (b'"num_draft_tokens":3', b'"num_draft_tokens":' + b"9" * 30, (11,)),
        (b'"index":1', b'"index":2', (11,)),
    ],
)
def test_numbers_out_of_range_in_a_trace_are_errors(made, refuse, old, new, codes):
    assert old in golden(made)
    refuse(traced(made, odd=golden(made).replace(old, new)), made[0], "", codes=codes, verbs=["verify"])


def test_line_separators_inside_a_string_are_text(made, tmp_path, capfd):
    named = golden(made).replace(b'"name":"drafted"', '"name":"a\u2028b\u2029c\x85d\x1ce\x0b"'.encode())
    named = named.replace(b"\x0b", b"\\u000b").replace(b"\x1c", b"\\u001c")
    path = seal_bundle(tmp_path / "model.litertlm", traced(made, drafted=named), made[0])
    assert main(["verify", str(path)]) == 0, capfd.readouterr().err


@pytest.mark.parametrize("threads", ["0", "-1", "65", "100000", "9" * 30])
@pytest.mark.parametrize("verb", ["generate", "bench"])
def test_a_number_of_threads_that_litert_can_not_have_is_refused(made, tmp_path, threads, verb, capfd):
    path = seal_bundle(tmp_path / "model.litertlm", made[1], made[0])
    more = ["--prompt", "the"] if verb == "generate" else []
    assert main([verb, str(path), "--threads", threads, *more]) == 2
    assert "1 to 64" in capfd.readouterr().err


@pytest.mark.parametrize("count", ["²", "-1", "4", "x", "", "9" * 5000, "٣"])
def test_a_number_of_drafts_that_no_graph_is_for_is_refused(made, tmp_path, count, capfd):
    path = seal_bundle(tmp_path / "model.litertlm", made[1], made[0])
    assert main(["generate", str(path), "--prompt", "the", f"--draft-tokens={count}"]) == 2
    assert "from 0 to 3" in capfd.readouterr().err


def test_a_target_alone_takes_the_drafts_that_it_has_passes_for(tmp_path, capfd):
    alone = tiny_manifest(drafter=None)
    bare = replace(alone, draft_tokens=0, verify_widths=())
    bare = replace(bare, signatures=alone.signatures | {"main": expected_signatures(bare, "main")})
    for first, codes, says in (
        (alone, {"3": 0, "1": 0, "0": 0, "off": 0, "4": 2}, "from 0 to 3"),
        (bare, {"0": 0, "off": 0, "1": 2}, "no pass that verifies drafts"),
    ):
        path = seal_bundle(tmp_path / "model.litertlm", tiny_sections(first), first)
        for count, code in codes.items():
            assert main(["generate", str(path), "--prompt", "the", "--draft-tokens", count]) == code
        assert says in capfd.readouterr().err
