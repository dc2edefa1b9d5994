"""What a bundle must hold beyond correct digests, judged by its manifest and its list of sections (BUNDLE.md)."""

import math
from collections.abc import Iterable, Mapping

from runtime_spec.bundle.json_fields import check
from runtime_spec.bundle.manifest import Manifest, Signature, TensorSpec
from runtime_spec.bundle.reader import Bundle
from runtime_spec.errors import BundleError

MODELS = ("main", "embedder", "per_layer_embedder", "drafter")
MAX_TENSOR_BYTES = 2**31
DRAFTS = "draft_"
"""What names of signatures that draft several tokens begin with; the number follows."""
LARGEST_LOGITS = 8
CHOICES = ("target_tokens", "largest_logits")
"""What a graph says of its own logits; the second has TOP_LOGITS a row."""
TOP_LOGITS = 2
Signatures = Mapping[str, Signature]


def check_contents(bundle: Bundle) -> None:
    """BundleError unless the bundle has the sections that its manifest needs, and signatures that follow from it."""
    manifest = bundle.manifest
    wanted = ["llm_metadata", "tokenizer", "traces", *expected_models(manifest)]
    found = [section.name for section in bundle.sections if section.name != "manifest"]
    for name in (*wanted, *found):
        if found.count(name) != (name in wanted):
            raise BundleError(
                f"Bundle's sections do not fit its manifest: {name}",
                expected=", ".join(sorted(wanted)),
                found=", ".join(sorted(found)),
                where=str(bundle.path),
                action="Export the bundle again.",
            )
    models = sorted(expected_models(manifest))
    check(sorted(manifest.signatures) == models, "signatures", f"those of {models}", sorted(manifest.signatures))
    for model in models:
        expected, stated = expected_signatures(manifest, model), manifest.signatures[model]
        check_signatures(expected, stated, f"manifest key signatures.{model}")
        for name, signature in stated.items():
            for tensor, spec in (*signature.inputs.items(), *signature.outputs.items()):
                small = 4 * math.prod(spec.shape) < MAX_TENSOR_BYTES
                check(small, f"signatures.{model}.{name}.{tensor}", f"below {MAX_TENSOR_BYTES} bytes", spec.shape)


def expected_models(manifest: Manifest) -> list[str]:
    """Names of the model sections that a bundle with this manifest has."""
    absent = {"per_layer_embedder": not manifest.config.per_layer_size, "drafter": manifest.drafter is None}
    return [name for name in MODELS if not absent.get(name)]


def expected_signatures(manifest: Manifest, model: str) -> dict[str, Signature]:
    """The signatures of one model as they follow from the rest of the manifest."""
    config, slots = manifest.config, manifest.context_length
    if model == "main":
        widths = {f"prefill_{length}": (length, False) for length in manifest.prefill_lengths}
        widths |= {manifest.verify_signature(width): (width, True) for width in (1, *manifest.verify_widths)}
        return {name: _target(manifest, *width) for name, width in widths.items()}
    if model == "drafter":
        inputs = {
            "activations": _float(1, 1, 2 * config.hidden_size),
            "input_pos": TensorSpec("int32", (1,)),
            "mask": _float(1, 1, 1, slots),
        } | _caches(manifest, _drafter_layers(manifest))
        outputs = {
            "logits": _float(1, 1, config.vocab_size),
            "projected_activations": _float(1, 1, config.hidden_size),
        }
        return {"mtp_drafter": Signature(inputs, outputs)} | _drafts(manifest, inputs)
    row = (config.num_layers, config.per_layer_size) if model == "per_layer_embedder" else (config.hidden_size,)
    return {model: Signature({"token_ids": TensorSpec("int32", (1, 1))}, {"embeddings": _float(1, 1, *row)})}


def _drafts(manifest: Manifest, inputs: dict[str, TensorSpec]) -> Signatures:
    """The signatures that draft several tokens in one call: one for each verify width, or, in bundles of before, none.
    `inputs` are those of the one that drafts a single token."""
    stated, hidden = manifest.signatures.get("drafter", {}), manifest.config.hidden_size
    if not any(name.startswith(DRAFTS) for name in stated):
        return {}
    inputs = inputs | {"token_ids": TensorSpec("int32", (1, 1)), "activations": _float(1, 1, hidden)}
    counts = [width - 1 for width in manifest.verify_widths]
    outputs = {
        count: {"draft_tokens": TensorSpec("int32", (count,)), "largest_logits": _float(count, LARGEST_LOGITS)}
        for count in counts
    }
    return {f"{DRAFTS}{count}": Signature(inputs, outputs[count]) for count in counts}


def _drafter_layers(manifest: Manifest) -> list[int]:
    """Whose caches the drafter reads: of the layers it may read those of the kinds that it has, at least one."""
    stated = manifest.signatures.get("drafter", {}).get("mtp_drafter", Signature({}, {})).inputs
    layers = list(dict.fromkeys(manifest.config.drafter_kv_layers.values()))
    return [layer for layer in layers if f"kv_cache_k_{layer}" in stated] or layers


def _target(manifest: Manifest, rows: int, scores: bool) -> Signature:
    config, caches = manifest.config, _caches(manifest, manifest.config.kv_layers)
    inputs = caches | {
        "embeddings": _float(1, rows, config.hidden_size),
        "input_pos": TensorSpec("int32", (rows,)),
        "mask": _float(1, 1, rows, manifest.context_length),
    }
    if config.per_layer_size:
        inputs["per_layer_embeddings"] = _float(1, rows, config.num_layers, config.per_layer_size)
    if not scores:
        return Signature(inputs, caches)
    scored = {
        "logits": _float(1, rows, config.vocab_size),
        "activations": _float(1, rows, config.hidden_size),
    }
    return Signature(inputs, caches | scored | _choices(manifest, rows))


def _choices(manifest: Manifest, rows: int) -> dict[str, TensorSpec]:
    """What graphs say of their own logits: all that score, or, in bundles of before, none."""
    signatures = manifest.signatures.get("main", {}).values()
    if not any(name in signature.outputs for signature in signatures for name in CHOICES):
        return {}
    return dict(zip(CHOICES, (TensorSpec("int32", (rows,)), _float(rows, TOP_LOGITS)), strict=True))


def _caches(manifest: Manifest, layers: Iterable[int]) -> dict[str, TensorSpec]:
    config, slots, found = manifest.config, manifest.context_length, {}
    for layer in layers:
        at = config.kv_layers.index(layer)
        heads, size = config.kv_heads[at], config.head_dims[at]
        found[f"kv_cache_k_{layer}"] = _float(1, heads, slots, size)
        found[f"kv_cache_v_{layer}"] = _float(1, heads, size, slots)
    return found


def _float(*shape: int) -> TensorSpec:
    return TensorSpec("float32", shape)


def check_signatures(expected: Signatures, found: Signatures, where: str) -> None:
    """BundleError naming the first signature or tensor by which `found` differs from `expected`."""
    for name in sorted({*expected, *found}):
        if name not in expected or name not in found:
            raise _difference(f"signatures {sorted(expected)}", f"{sorted(found)}", where)
        for side in ("inputs", "outputs"):
            ours, theirs = getattr(expected[name], side), getattr(found[name], side)
            for tensor in sorted({*ours, *theirs}):
                if ours.get(tensor) != theirs.get(tensor):
                    place = f"{where}, signature {name}, {side}, tensor {tensor}"
                    raise _difference(_text(ours.get(tensor)), _text(theirs.get(tensor)), place)


def _text(spec: TensorSpec | None) -> str:
    return "no such tensor" if spec is None else f"{spec.dtype}{list(spec.shape)}"


def _difference(expected: str, found: str, where: str) -> BundleError:
    found, where = (text.encode("ascii", "backslashreplace").decode()[:300] for text in (found, where))
    action = "Export the bundle again."
    return BundleError(
        "Bundle's signatures do not fit its manifest", expected=expected, found=found, where=where, action=action
    )
