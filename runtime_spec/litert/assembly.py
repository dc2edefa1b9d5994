"""Compiled models to ports: which signature becomes which pass, and which caches they share."""

from runtime_spec.bundle.contents import DRAFTS
from runtime_spec.litert.compiled import Buffer, CompiledModel
from runtime_spec.litert.drafter import LiteRtDrafter
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.target import LiteRtTarget, Pass

CACHE_PREFIX = "kv_cache_"


def cache_buffers(main: CompiledModel) -> dict[str, Buffer]:
    """One buffer a cache tensor, for all signatures of the target and for the drafter."""
    tensors = main.signatures["decode"].inputs
    return {name: main.buffer(tensor) for name, tensor in tensors.items() if name.startswith(CACHE_PREFIX)}


def embeddings(main: CompiledModel, embedder: CompiledModel, per_layer: CompiledModel | None) -> Embeddings:
    """The rows of one or both embedders, for the tokens that `main` scores."""
    calls = [model and model.bind(next(iter(model.signatures)), {}) for model in (embedder, per_layer)]
    return Embeddings(*calls, main.signatures["decode"].outputs["logits"].type.shape[-1])


def target(main: CompiledModel, caches: dict[str, Buffer], rows: Embeddings) -> LiteRtTarget:
    """Signatures `decode`, `verify` and `verify_N` score; `prefill_N` only fill the cache."""
    scoring, prefills = {}, {}
    for name in main.signatures:
        one = Pass(main.bind(name, caches), name)
        (prefills if name.startswith("prefill") else scoring)[one.width] = one
    capacity = main.signatures["decode"].inputs["mask"].type.shape[-1]
    return LiteRtTarget(scoring, prefills, rows, capacity)


def drafter(model: CompiledModel, caches: dict[str, Buffer], rows: Embeddings) -> LiteRtDrafter:
    """Signature `mtp_drafter` drafts one token, `draft_N` N of them, all at one position."""
    tensors = model.signatures["mtp_drafter"].inputs
    shared = caches | {name: model.buffer(tensors[name]) for name in ("input_pos", "mask")}
    counts = {name: name.removeprefix(DRAFTS) for name in model.signatures if name.startswith(DRAFTS)}
    calls = {int(count): model.bind(name, shared) for name, count in counts.items()}
    return LiteRtDrafter(model.bind("mtp_drafter", shared), rows, calls)
