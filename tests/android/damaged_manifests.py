"""Bundles with one value of the manifest, or its spelling, changed, and every hash made anew."""

import json

from export.bundle.sections import build_header
from runtime_spec.bundle.manifest import ALIGNMENT
from tests.android.damaged import Cases, ranges_of, resealed

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
VALUES = [
    ("config.vocab_size", 0),
    ("config.vocab_size", "32"),
    ("config.vocab_size", 32.0),
    ("config.hidden_size", True),
    ("config.hidden_size", 10**30),
    ("config.num_layers", None),
    ("config.layer_types", ["sliding_attention"]),
    ("config.layer_types", ["linear_attention"] * 3),
    ("config.layer_types", []),
    ("config.layer_types", {"a": [1, 1.5, "it's", None, True]}),
    ("config.kv_heads", [1]),
    ("config.kv_heads", [1, 0]),
    ("config.kv_layers", [1, 0]),
    ("config.kv_layers", [0, 0]),
    ("config.kv_layers", ["a", 1]),
    ("config.drafter_kv_layers", {"sliding_attention": 2}),
    ("config.drafter_kv_layers", {"global": 0}),
    ("config.softcap", 0.0),
    ("config.softcap", 1e300),
    ("config.softcap", -1e-05),
    ("config.softcap", "30"),
    ("config.per_layer_size", ...),
    ("config.per_layer_size", -1),
    ("config.extra", 1),
    ("config.a 'quoted' \"key\"", 1),
    ("config." + "long " * 40, 1),
    ("target", None),
    ("target", [1]),
    ("target.id", "\ud800"),
    ("target.id", 3),
    ("drafter", None),
    ("context_length", 0),
    ("context_length", 2**31),
    ("draft_tokens", 0),
    ("draft_tokens", 5),
    ("draft_tokens", 65),
    ("prefill_lengths", []),
    ("prefill_lengths", [32, 8]),
    ("prefill_lengths", [8, 16]),
    ("verify_widths", [8]),
    ("verify_widths", [1, 4]),
    ("signatures", {}),
    ("signatures.main", {}),
    ("signatures.drafter", ...),
    ("signatures.main.decode.inputs.x.shape", [1, -4]),
    ("signatures.main.decode.inputs.x.shape", [1] * 9),
    ("signatures.main.decode.inputs.x.dtype", 3),
    ("signatures.main.decode.inputs.x.dtype", "Float32"),
    ("signatures.main.decode.inputs.x.dtype", "float32\n"),
    ("signatures.main.decode.inputs.x.dtype", ""),
    ("signatures.main.decode.outputs", ...),
    ("signatures.\ud800", {}),
    ("tokens.bos", 32),
    ("tokens.bos", 10**30),
    ("context_length", -(10**30)),
    ("tokens.stop", [1, -1]),
    ("tokens.stop", 1),
    ("chat.trims", 1),
    ("chat.trims", ...),
    ("chat.trims", ["system", "user", "model"]),
    ("chat.trims", ["model", "user"]),
    ("chat.trims", ["user", "user"]),
    ("chat.trims", ["it's a tool, \U0001f600 " * 6]),
    ("chat.trims", ["user", 1]),
    ("chat.system", None),
    ("chat.system", {"prefix": "<|turn>system\n"}),
    ("chat.system.suffix", None),
    ("chat.system.infix", ""),
    ("chat.user", None),
    ("chat.user", ["<|turn>user\n"]),
    ("chat.user.prefix", 3),
    ("chat.user_prefix_after_system", ...),
    ("chat.reply", None),
    ("chat.alternates", True),
    ("chat.alternates", 1),
    ("chat.thinking", {"reply": "a", "system_prefix": "b", "system_alone": "c"}),
    ("chat.thinking", {"reply": "a", "system_prefix": "b"}),
    ("chat.thinking", False),
    ("chat.thoughts", {"start": "<think>", "end": "</think>", "kept": True}),
    ("chat.thoughts", {"start": "", "end": "</think>", "kept": True}),
    ("chat.thoughts", {"start": "<think>", "end": "", "kept": True}),
    ("chat.thoughts", {"start": "<think>", "end": "</think>", "kept": None}),
    ("chat.start", "<bos>\u00e9\u2028\U0001f600\x7f\t\"\\'/"),
    ("chat.start", ["\u00e9\u2028\U0001f600\x7f\x85\u0378\t\"\\'"]),
    ("recipe.tensors", []),
    ("recipe.accepted_loss", ["KL 0.4, over 64 positions"]),
    ("recipe.accepted_loss", "KL 0.4"),
    ("recipe.accepted_loss", [1]),
    ("recipe.accepted_loss", ...),
    ("recipe.tensors.scale", 1.5e-7),
    ("recipe.tensors.scale", [0.1, 1e16, 123456789012345.6, 1e22, 5e-324, 2**70, -0.0, 0.0001]),
    ("recipe.tensors.deep", json.loads("[" * 15 + "]" * 15)),
    ("recipe.tensors.deep", json.loads("[" * 17 + "]" * 17)),
    ("recipe.tensors.name", {"\udfff": 1}),
    ("recipe.tensors.name", {"\uffff": 1, "\U00010000": 2, "a": 3}),
    ("skipped", "vision"),
    ("skipped", ["a", 1]),
    ("sources", []),
    ("sources", None),
    ("sources", {}),
    ("sources", [SOURCE]),
    ("sources", [SOURCE, SOURCE]),
    ("sources", [SOURCE, SOURCE | {"role": "drafter", "revision": None, "files": {}}]),
    *[
        ("sources", [SOURCE | change])
        for change in (
            {"role": "base"},
            {"role": 1},
            {"id": None},
            {"id": "\ud800"},
            {"revision": "main"},
            {"revision": "A" * 40},
            {"revision": 1},
            {"files": []},
            {"files": {"config.json": "0" * 63}},
            {"files": {"\U0001f600" * 50: "g" * 64}},
            {"files": {"config.json": None}},
            {"extra": 1},
            {"license": None},
            {"license": "gemma"},
            {"license": LICENSE},
            {"license": LICENSE | {"link": None}},
            *({"license": LICENSE | {"name": name}} for name in ("", "x" * 201, "\U0001f600" * 200, "\ud800", 1, None)),
            *(
                {"license": LICENSE | {"link": link}}
                for link in (
                    "http://example.org",
                    "https://",
                    "https://example.org/" + "a" * 1980,
                    "https://example.org/" + "a" * 1981,
                    "https://example.org/a b",
                    "https://example.org/\u00e9",
                    "https://example.org/\n",
                    "javascript:alert(1)",
                    1,
                )
            ),
            {"license": {"name": "gemma"}},
            {"license": LICENSE | {"extra": 1}},
        )
    ],
    ("threads", None),
    ("threads", 1),
    ("threads", 64),
    ("threads", 0),
    ("threads", 65),
    ("threads", 2**31),
    ("threads", True),
    ("threads", 4.0),
    ("threads", "4"),
    ("sampling", None),
    ("sampling", SAMPLING),
    *[
        ("sampling", SAMPLING | change)
        for change in (
            {"temperature": 0.0},
            {"temperature": -0.5},
            {"temperature": "1"},
            {"top_k": 0},
            {"top_k": -1},
            {"top_k": 2**31},
            {"top_k": 64.0},
            {"top_p": 0.0},
            {"top_p": 1.5},
            {"min_p": -0.1},
            {"min_p": 1.0},
            {"repetition_penalty": 0.0},
            {"repetition_window": -1},
            {"seed": 1},
        )
    ],
    ("\U0001f600" * 90, 1),
    ("header_sha256", "0" * 63),
    ("sections", [{"name": "main"}]),
    ("sections", []),
    ("sections.0.name", "vision"),
    ("sections.0.begin", 16385),
    ("sections.0.begin", 0),
    ("sections.0.end", 2**63),
    ("sections.0.sha256", "G" * 64),
    ("sections.0.sha256", "0" * 64),
    ("sections.0.blocks.size", 5000),
    ("sections.0.blocks.size", 2048),
    ("sections.0.blocks.size", 8192),
    ("sections.0.blocks.digests", []),
    ("sections.0.blocks.digests", ["0" * 16]),
    ("sections.0.blocks.sums", [[1]]),
    ("sections.0.blocks.sums", [[1, -1]]),
    ("sections.0.blocks.sums", [[1, 2]]),
    ("sections.0.blocks.sums", []),
    ("sections.1.name", "llm_metadata"),
    ("shared_weights", [1]),
    ("shared_weights.0.begin", 16384),
    ("shared_weights.0.end", -5),
    ("shared_weights.0.sections", ["main", "nothing"]),
    ("format", "other"),
    ("format", ...),
    ("version", 0),
    ("version", 2),
    ("version", 2**40),
    ("version", True),
    ("version", 1.0),
    ("version", "1"),
    ("version", None),
    ("unheard_of", {}),
]


SPELLINGS = [
    ("a space", b'"format":', b'"format": '),
    ("no newline", b"}\n", b"}"),
    ("two newlines", b"}\n", b"}\n\n"),
    ("an escape", b'"format"', b'"f\\u006frmat"'),
    ("an escaped slash", b"demo/target", b"demo\\/target"),
    ("an upper-case escape", b'"id":"demo/target"', b'"id":"\\u00E9"'),
    ("a raw letter", b'"id":"demo/target"', '"id":"é"'.encode()),
    ("a raw control", b'"id":"demo/target"', b'"id":"\x01"'),
    ("no UTF-8", b'"id":"demo/target"', b'"id":"\xff"'),
    ("a longer number", b'"softcap":30.0', b'"softcap":30.00'),
    ("an exponent", b'"softcap":30.0', b'"softcap":3e1'),
    ("too many digits", b'"softcap":30.0', b'"softcap":30.100000000000001421'),
    ("a negative zero", b'"per_layer_size":0', b'"per_layer_size":-0'),
    ("a leading zero", b'"per_layer_size":0', b'"per_layer_size":00'),
    ("a key twice", b'"format":"slipstream"', b'"format":"slipstream","format":"slipstream"'),
    ("a hidden hash", b'"manifest_sums', b'"manifest\\u005fsums'),
    ("no JSON", b'"format":', b'"format"'),
    ("NaN", b'"softcap":30.0', b'"softcap":NaN'),
    ("no point", b'"softcap":30.0', b'"softcap":30'),
    ("an infinite number", b'"softcap":30.0', b'"softcap":1e999'),
]


def with_manifest(data: bytes, text: bytes) -> bytes:
    """The bundle with another manifest, its size in the header and every hash fitting."""
    begin = data.rindex(b'{"chat":')
    header = build_header(ranges_of(data) | {"manifest": (begin, begin + len(text))})
    return resealed(header + data[ALIGNMENT:begin] + text)


def changed(text: bytes, path: str, value: object) -> bytes:
    """Canonical JSON with the value at a dotted path replaced, or removed when it is `...`."""
    root = json.loads(text)
    *parents, last = path.split(".") if not path.startswith("config.a ") else ("config", path[7:])
    node = root
    for name in parents:
        node = node[int(name) if isinstance(node, list) else name]
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return json.dumps(root, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def changed_manifests(data: bytes) -> Cases:
    """With hashes made anew: one value each, then other spellings of the same values."""
    text = data[data.rindex(b'{"chat":') :]
    for path, value in VALUES:
        yield f"{path} = {value!r}"[:120], with_manifest(data, changed(text, path, value))
    for name, old, new in SPELLINGS:
        assert old in text, name
        yield name, with_manifest(data, text.replace(old, new))
    key = b'"format":"slipstream"'
    yield "keys not in order", with_manifest(data, text.replace(key + b",", b"")[:-2] + b"," + key + b"}\n")
    yield "no object", unsealed(data, b'[{"chat":1}]\n')
    yield "no hashes", unsealed(data, b'{"chat":1}\n')
    yield "deep", unsealed(data, b'{"chat":' + b"[" * 100_000)


def unsealed(data: bytes, text: bytes) -> bytes:
    """The bundle with a manifest that has no hash to make anew."""
    begin = data.rindex(b'{"chat":')
    header = build_header(ranges_of(data) | {"manifest": (begin, begin + len(text))})
    return header + data[ALIGNMENT:begin] + text
