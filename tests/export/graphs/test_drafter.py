"""The drafter's graph where its target has tokens that it does not know."""

import shutil

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from export.choices.device import Device
from export.choices.recipe import Recipe, Storage
from export.graphs.flatbuffer import load
from export.graphs.jobs import jobs
from export.graphs.lowering import lower_all
from export.graphs.merge import merge
from export.graphs.tidy import tidy
from export.graphs.widths import with_width
from export.modules.drafter import Drafter
from export.modules.fill import empty_weight, fill
from export.modules.layers import HIDDEN
from export.plan import Choices, make_plan
from export.resources import DEMO
from export.weights.plan import plan_weights
from export.weights.stream import CheckpointSource, PlannedModel, write_group
from runtime_spec.bundle.manifest import ALIGNMENT
from tests.export.checkpoint.spoil import ADDED, grow


def lowered(plan, folder):
    """The graph as a bundle holds it."""
    wanted = [job for job in jobs(plan) if job.kind == "drafter"]
    ((_, path, _),) = lower_all(wanted, folder / "graphs", processes=0)
    model = merge([("mtp_drafter", tidy(with_width(load(path), plan.drafter_width)))])
    source = CheckpointSource(plan.drafter)
    weights = plan_weights(model, source.shape, lambda *_: Storage(32))
    with (folder / "drafter.tflite").open("wb") as stream:
        write_group(stream, [PlannedModel("drafter", model, weights, source)], ALIGNMENT)
    return Interpreter(str(folder / "drafter.tflite"), num_threads=1).get_signature_runner("mtp_drafter")


def inputs(plan, sources):
    draw, config = np.random.default_rng(1), plan.target.config
    given = {"activations": draw.standard_normal((1, 1, 2 * config.hidden_size)).astype(np.float32)}
    for layer in sources.values():
        heads, head = config.kv_heads[layer], config.head_dims[layer]
        for side, shape in (("k", (plan.capacity, head)), ("v", (head, plan.capacity))):
            given[f"kv_cache_{side}_{layer}"] = draw.standard_normal((1, heads, *shape)).astype(np.float32)
    mask = np.where(np.arange(plan.capacity) < 100, 0.0, HIDDEN).astype(np.float32)
    return given | {"input_pos": np.array([99], np.int32), "mask": mask[None, None, None]}


@torch.no_grad()
def test_tokens_that_the_drafter_does_not_know_are_never_drafted(tmp_path):
    """Every runtime expects the target's vocabulary of it: what is added scores below all that the drafter has."""
    target = shutil.copytree(DEMO / "target", tmp_path / "target")
    grow(target)
    plan = make_plan(Choices(str(target), str(DEMO / "drafter"), Device.load("pixel"), Recipe.load("float")))
    config, known = plan.drafter.config, plan.drafter.text.vocab_size
    assert plan.target.config.vocab_size == known + len(ADDED)
    sources = {kind: plan.target.config.drafter_kv_layers[kind] for kind in config.text.kinds}
    ordering = torch.from_numpy(plan.drafter.tensors.read("masked_embedding.token_ordering"))
    given = inputs(plan, sources)
    stock = fill(Drafter(config, sources, plan.capacity, ordering, empty_weight), plan.drafter)
    expected = stock(**{name: torch.from_numpy(values) for name, values in given.items()})
    found = lowered(plan, tmp_path)(**given)
    logits = found["logits"][0, 0]
    assert np.abs(logits[:known] - expected["logits"][0, 0].numpy()).max() < 1e-3
    assert logits[known:].tolist() == [HIDDEN] * len(ADDED) and logits.argmax() == expected["logits"].argmax()
    assert np.abs(found["projected_activations"] - expected["projected_activations"].numpy()).max() < 1e-4
