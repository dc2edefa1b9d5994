"""Lowered graphs and checkpoints to the bundle's model sections."""

from collections.abc import Sequence
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from export.bundle.config import manifest_config
from export.bundle.metadata import llm_metadata
from export.bundle.sections import Group, Part, pack_tokenizer
from export.bundle.writer import BundleWriter, WrittenModels
from export.checkpoint.names import TIED_HEAD as HEAD
from export.choices.recipe import Storage
from export.graphs.drafts import first_steps
from export.graphs.editor import Stored
from export.graphs.flatbuffer import load
from export.graphs.merge import merge
from export.graphs.tidy import tidy
from export.graphs.widths import with_width
from export.modules.reads import gathers_head
from export.plan import Plan, Width
from export.weights.plan import Weight, plan_weights
from export.weights.sources import Joined, Reordered
from export.weights.stream import CheckpointSource, PlannedModel, write_group
from runtime_spec.bundle.manifest import (
    ALIGNMENT,
    Manifest,
    Model,
    Recipe,
    SamplingDefaults,
    Signature,
    TensorSpec,
)

EMBEDDING, TARGET_EMBEDDING = "embed_tokens.weight", "target_embedding.weight"
"""The target's table, as its own graphs and as the drafter's name it."""
DTYPES = {schema.TensorType.FLOAT32: "float32", schema.TensorType.INT32: "int32"}


def planned_models(plan: Plan, graphs: dict[str, Path]) -> dict[str, PlannedModel]:
    """Every model of the bundle by section name, its weights planned but not read."""
    widths = [(f"prefill_{n}", "prefill", n) for n in plan.device.prefill_lengths]
    # LiteRT-LM's own two first.
    scored = [1, *sorted(plan.verify_widths, key=lambda w: w != plan.draft_tokens + 1)]
    widths += [(plan.signature(w), "verify", w) for w in scored]
    signatures = [(name, tidy(with_width(load(graphs[kind]), plan.width(tokens)))) for name, kind, tokens in widths]
    source = CheckpointSource(plan.target, plan.recipe.keep_codes)
    models = {"embedder": _planned("embedder", _single("embedder", load(graphs["embedder"])), source, plan)}
    models["main"] = _planned("main", merge(signatures), source, plan)
    if "per_layer_embedder" in graphs:
        name = "per_layer_embedder"
        models[name] = _planned(name, _single(name, load(graphs[name])), source, plan)
    if plan.drafter:
        models["drafter"] = planned_drafter(plan, graphs, source)
    return models


def _single(signature: str, model: schema.ModelT) -> schema.ModelT:
    return merge([(signature, tidy(model))])


def _planned(name: str, model: schema.ModelT, source: CheckpointSource, plan: Plan) -> PlannedModel:
    weights = plan_weights(model, source.shape, lambda n, shape: plan.storage(source.checkpoint, n, shape))
    return PlannedModel(name, model, weights, source)


def planned_drafter(plan: Plan, graphs: dict[str, Path], target: CheckpointSource) -> PlannedModel:
    def stored(name: str, shape: tuple[int, ...]) -> Storage:
        if name == TARGET_EMBEDDING:
            return plan.storage(plan.target, EMBEDDING, shape)
        return plan.storage(plan.drafter, name, shape)

    model = drafter_model(graphs, plan.drafter_width, plan.draft_lengths, stored)
    source = CheckpointSource(plan.drafter, plan.recipe.keep_codes)
    if gathers_head(plan.drafter.config):
        source = Reordered(source, HEAD, plan.drafter.tensors.read("masked_embedding.token_ordering"))
    source = Joined(source, TARGET_EMBEDDING, target, EMBEDDING)
    return PlannedModel("drafter", model, plan_weights(model, source.shape, stored), source)


def drafter_model(graphs: dict[str, Path], width: Width, draft_lengths: Sequence[int], stored: Stored) -> schema.ModelT:
    """LiteRT-LM's signature `mtp_drafter`, and ours, `draft_N` for each N of `draft_lengths`."""

    def graph(kind: str) -> schema.ModelT:
        return with_width(load(graphs[kind]), width)

    signatures = [("mtp_drafter", tidy(graph("drafter"), stored))]
    for count in draft_lengths:
        signatures.append((f"draft_{count}", tidy(first_steps(graph("drafts"), count), stored)))
    return merge(signatures)


def write_models(writer: BundleWriter, plan: Plan, models: dict[str, PlannedModel]) -> WrittenModels:
    """Metadata, tokenizer and models, streamed into the unfinished bundle."""
    chat = plan.chat
    files = plan.target.tokenizer
    format, template = (chat.format, chat.engine) if chat else (None, None)
    metadata = llm_metadata(
        plan.tokens, plan.engine_tokens, format, template, plan.sampling, files.added, plan.target.config.vocab_size
    )

    def grouped(*names: str) -> Group:
        return Group(lambda stream: write_group(stream, [models[name] for name in names], ALIGNMENT))

    parts = [
        Part("llm_metadata", lambda stream: stream.write(metadata)),
        Part("tokenizer", lambda stream: stream.write(pack_tokenizer(files.content()))),
        # The drafter's weights before the target's: its section ends with its own.
        grouped(*(name for name in ("embedder", "drafter", "main") if name in models)),
    ]
    parts += [grouped(name) for name in ("per_layer_embedder",) if name in models]
    return writer.write_models(parts)


def manifest(plan: Plan, models: dict[str, PlannedModel]) -> Manifest:
    """The manifest without what is only known once the bundle is written."""
    drafter = plan.drafter
    stored = {
        model.name: {w.name: _storage(w) for w in model.weights if w.storage.bits < 32 or len(w.shape) > 1}
        for model in models.values()
    }
    return Manifest(
        target=Model(plan.target.id, plan.target.model_type),
        drafter=Model(drafter.id, drafter.model_type) if drafter else None,
        config=manifest_config(plan.target.config),
        context_length=plan.capacity,
        draft_tokens=plan.draft_tokens,
        prefill_lengths=plan.device.prefill_lengths,
        verify_widths=plan.verify_widths,
        signatures={name: _signatures(model.model) for name, model in models.items()},
        tokens=plan.tokens,
        chat=plan.chat and plan.chat.format,
        recipe=Recipe(plan.recipe.name, stored),
        skipped=tuple(tower.name for tower in plan.target.skipped),
        sampling=_sampling(plan),
        threads=plan.device.threads,
    )


def _sampling(plan: Plan) -> SamplingDefaults | None:
    found = plan.sampling
    if found is None:
        return None
    window = plan.capacity if found.repetition_penalty != 1 else 0
    return SamplingDefaults(found.temperature, found.top_k, found.top_p, found.min_p, found.repetition_penalty, window)


def _storage(weight: Weight) -> str:
    if weight.storage.bits == 32:
        return "float32"
    return f"int{weight.storage.bits}" + (f" block {weight.storage.block}" if weight.storage.block else "")


def _signatures(model: schema.ModelT) -> dict[str, Signature]:
    found = {}
    for definition in model.signatureDefs:
        tensors = model.subgraphs[definition.subgraphIndex].tensors

        def specs(maps, tensors=tensors) -> dict[str, TensorSpec]:
            named = sorted((m.name.decode(), tensors[m.tensorIndex]) for m in maps)
            return {name: TensorSpec(DTYPES[t.type], tuple(int(n) for n in t.shape)) for name, t in named}

        found[definition.signatureKey.decode()] = Signature(specs(definition.inputs), specs(definition.outputs))
    return found
