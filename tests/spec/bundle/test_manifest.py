"""The manifest: canonical JSON there and back, and an error that names the key for everything else."""

import json

import pytest

from runtime_spec.bundle.manifest import Blocks, License, Manifest, SamplingDefaults, SectionEntry, Source
from runtime_spec.errors import BundleError
from tests.bundles import manifest

SOURCE = {"role": "target", "id": "org/name", "revision": "0" * 40, "files": {"config.json": "a" * 64}}
LICENSE = {"name": "gemma", "link": "https://example.org/terms"}
SAMPLING = {
    "temperature": 1.0,
    "top_k": 64,
    "top_p": 0.95,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "repetition_window": 32,
}


def changed(path: str, value: object) -> bytes:
    """The valid manifest's JSON with the value at a dotted path replaced, or removed when it is `...`."""
    root = json.loads(manifest().to_json())
    *parents, last = path.split(".")
    node = root
    for name in parents:
        node = node[name]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(root).encode()


def test_there_and_back_is_the_same_manifest():
    assert Manifest.from_json(manifest().to_json()) == manifest()
    plain = manifest(drafter=None, draft_tokens=0, verify_widths=(), chat=None)
    assert Manifest.from_json(plain.to_json()) == plain


def test_a_target_alone_may_have_verify_passes_for_drafts_from_the_text():
    alone = manifest(drafter=None)
    assert alone.draft_tokens == 3 and Manifest.from_json(alone.to_json()) == alone
    assert alone.verify_signature(4) == "verify"
    with pytest.raises(BundleError, match="verify_widths") as caught:
        manifest(drafter=None, verify_widths=())
    assert "draft_tokens + 1 = 4" in caught.value.expected


def test_sources_are_kept_and_left_out_where_there_are_none():
    known = Manifest.from_json(changed("sources", [SOURCE, SOURCE | {"role": "drafter", "revision": None}]))
    assert known.sources[0] == Source("target", "org/name", "0" * 40, {"config.json": "a" * 64})
    assert Manifest.from_json(known.to_json()) == known
    assert b"sources" not in manifest().to_json() and manifest().sources == ()


def test_a_licence_is_kept_and_left_out_where_there_is_none():
    unnamed, named = Manifest.from_json(
        changed("sources", [SOURCE, SOURCE | {"role": "drafter", "license": LICENSE}])
    ).sources
    assert unnamed.license is None and named.license == License("gemma", "https://example.org/terms")
    kept = manifest(sources=(unnamed, named))
    assert Manifest.from_json(kept.to_json()) == kept and kept.to_json().count(b'"license"') == 1


def test_sampling_is_kept_and_left_out_where_there_is_none():
    known = Manifest.from_json(changed("sampling", SAMPLING))
    assert known.sampling == SamplingDefaults(1.0, 64, 0.95, 0.05, 1.1, 32)
    assert Manifest.from_json(known.to_json()) == known
    assert b"sampling" not in manifest().to_json() and manifest().sampling is None


def test_threads_are_kept_and_left_out_where_there_are_none():
    known = Manifest.from_json(changed("threads", 4))
    assert known.threads == 4 and Manifest.from_json(known.to_json()) == known
    assert b"threads" not in manifest().to_json() and manifest().threads is None


def test_json_is_canonical():
    text = manifest().to_json()
    assert text.isascii() and text.endswith(b"}\n") and text.count(b"\n") == 1
    again = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert text == again


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("config.vocab_size", 0, "config.vocab_size"),
        ("config.vocab_size", "32", "config.vocab_size"),
        ("config.hidden_size", True, "config.hidden_size"),
        ("config.hidden_size", 10**30, "config.hidden_size"),
        ("config.layer_types", ["sliding_attention"], "config.layer_types"),
        ("config.layer_types", ["linear_attention"] * 3, "config.layer_types"),
        ("config.kv_heads", [1], "config.kv_heads"),
        ("config.kv_layers", [1, 0], "config.kv_layers"),
        ("config.drafter_kv_layers", {"sliding_attention": 2}, "config.drafter_kv_layers.sliding_attention"),
        ("config.drafter_kv_layers", {"global": 0}, "config.drafter_kv_layers.global"),
        ("config.softcap", 0, "config.softcap"),
        ("config.softcap", float("nan"), "config.softcap"),
        ("config.softcap", "30", "config.softcap"),
        ("config.per_layer_size", ..., "config.per_layer_size"),
        ("config.extra", 1, "config.extra"),
        ("target", None, "target"),
        ("target.id", "\ud800", "target.id"),
        ("context_length", 0, "context_length"),
        ("draft_tokens", 0, "draft_tokens"),
        ("draft_tokens", 5, "signatures.main"),
        ("prefill_lengths", [], "prefill_lengths"),
        ("prefill_lengths", [32, 8], "prefill_lengths"),
        ("prefill_lengths", [8, 16], "signatures.main"),
        ("verify_widths", [8], "verify_widths"),
        ("verify_widths", [1, 4], "verify_widths"),
        ("signatures.main.decode.inputs.x.shape", [1, -4], "signatures shape"),
        ("signatures.main.decode.inputs.x.dtype", 3, "signatures.main.decode.inputs.x.dtype"),
        ("signatures.main.decode.outputs", ..., "signatures.main.decode.outputs"),
        ("tokens.bos", 32, "tokens.bos"),
        ("tokens.stop", [1, -1], "tokens.stop"),
        ("tokens.stop", 1, "tokens.stop"),
        ("chat.trims", 1, "chat.trims"),
        ("chat.trims", ..., "chat.trims"),
        ("chat.system.suffix", None, "chat.system.suffix"),
        ("chat.trims", ["model", "user"], "chat.trims"),
        ("chat.thoughts", {"start": "", "end": "x", "kept": True}, "chat.thoughts.start"),
        ("recipe.tensors", [], "recipe.tensors"),
        ("recipe.tensors.scale", float("inf"), "recipe.tensors.scale"),
        ("recipe.tensors.deep", json.loads("[" * 200 + "]" * 200), "recipe.tensors.deep"),
        ("recipe.tensors.name", {"\udfff": 1}, "recipe.tensors.name"),
        ("signatures.\ud800", {}, "signatures"),
        ("skipped", "vision", "skipped"),
        ("header_sha256", "0" * 63, "header_sha256"),
        ("manifest_sums", "G" * 32, "manifest_sums"),
        ("sources", [], "sources"),
        ("sources", None, "sources"),
        ("sources", [SOURCE, SOURCE], "sources"),
        ("sources", [SOURCE | {"role": "base"}], "sources role"),
        ("sources", [SOURCE | {"revision": "main"}], "sources revision"),
        ("sources", [SOURCE | {"files": {"config.json": "0" * 63}}], "sources config.json"),
        ("sources", [{"role": "target"}], "sources[0].id"),
        ("sources", [SOURCE | {"license": None}], "sources[0].license"),
        ("sources", [SOURCE | {"license": LICENSE | {"name": ""}}], "sources license.name"),
        ("sources", [SOURCE | {"license": LICENSE | {"name": "x" * 201}}], "sources license.name"),
        ("sources", [SOURCE | {"license": LICENSE | {"link": "http://example.org"}}], "sources license.link"),
        ("sources", [SOURCE | {"license": LICENSE | {"link": "https://e.org/a b"}}], "sources license.link"),
        ("sources", [SOURCE | {"license": {"name": "gemma"}}], "sources[0].license.link"),
        ("threads", None, "threads"),
        ("threads", 0, "threads"),
        ("threads", 65, "threads"),
        ("threads", 4.0, "threads"),
        ("sampling", None, "sampling"),
        ("sampling", SAMPLING | {"temperature": -0.5}, "sampling.temperature"),
        ("sampling", SAMPLING | {"temperature": float("nan")}, "sampling.temperature"),
        ("sampling", SAMPLING | {"top_k": -1}, "sampling.top_k"),
        ("sampling", SAMPLING | {"top_k": 64.0}, "sampling.top_k"),
        ("sampling", SAMPLING | {"top_p": 0.0}, "sampling.top_p"),
        ("sampling", SAMPLING | {"top_p": 1.5}, "sampling.top_p"),
        ("sampling", SAMPLING | {"min_p": 1.0}, "sampling.min_p"),
        ("sampling", SAMPLING | {"repetition_penalty": 0.0}, "sampling.repetition_penalty"),
        ("sampling", SAMPLING | {"repetition_window": -1}, "sampling.repetition_window"),
        ("sampling", {"temperature": 1.0}, "sampling.top_k"),
        ("sections", [{"name": "main"}], "sections[0].begin"),
        ("shared_weights", [1], "shared_weights[0]"),
        ("format", "other", "format"),
        ("version", 0, "version"),
        ("version", True, "version"),
        ("unheard_of", {}, "unheard_of"),
    ],
)
def test_a_wrong_value_is_named(path: str, value: object, key: str):
    with pytest.raises(BundleError) as caught:
        Manifest.from_json(changed(path, value))
    assert caught.value.where == f"manifest key {key}"


@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"[]", b"{", b"\xff", b"[" * 200_000, b'{"version":1,"version":1}', b"1" * 5000, b'{"format":NaN}'],
)
def test_what_is_no_manifest_is_a_bundle_error(text: bytes):
    with pytest.raises(BundleError):
        Manifest.from_json(text)


def test_a_newer_version_is_said_to_be_newer():
    for version in (2, 10**100):
        with pytest.raises(BundleError, match="newer than this runtime"):
            Manifest.from_json(changed("version", version))


def entry(**changes: object) -> SectionEntry:
    values = {"name": "main", "begin": 16384, "end": 16384 + 5000, "sha256": "0" * 64}
    blocks = Blocks(4096, ("0" * 16,) * 2, ((0, 0),) * 2)
    return SectionEntry(**(values | {"blocks": blocks} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "vision"},
        {"begin": 0},
        {"begin": 16385},
        {"end": 16383},
        {"end": 16384 + 4096},
        {"end": 16384 + 8193},
        {"sha256": "x" * 64},
    ],
)
def test_a_section_entry_checks_itself(changes: dict):
    assert entry().name == "main"
    with pytest.raises(BundleError):
        entry(**changes)


@pytest.mark.parametrize(("size", "count", "sums"), [(2048, 1, 1), (5000, 1, 1), (4096, 1025, 1025), (4096, 2, 1)])
def test_blocks_check_themselves(size: int, count: int, sums: int):
    with pytest.raises(BundleError):
        Blocks(size, ("0" * 16,) * count, ((0, 0),) * sums)


def test_shared_weights_lie_inside_their_sections():
    shared = [{"name": "embed_tokens", "begin": 16384, "end": 20000, "sections": ["main"]}]
    blocks = {"size": 4096, "digests": ["0" * 16], "sums": [[0, 0]]}
    root = json.loads(changed("shared_weights", shared))
    for end, fits in ((20000, True), (19999, False)):
        section = {"name": "main", "begin": 16384, "end": end, "sha256": "0" * 64, "blocks": blocks}
        text = json.dumps(root | {"sections": [section]}).encode()
        if fits:
            assert Manifest.from_json(text).shared_weights[0].sections == ("main",)
        else:
            with pytest.raises(BundleError, match="shared_weights embed_tokens"):
                Manifest.from_json(text)


def test_verify_signatures_have_the_names_that_engines_know():
    assert [manifest().verify_signature(width) for width in (1, 4, 8)] == ["decode", "verify", "verify_8"]
