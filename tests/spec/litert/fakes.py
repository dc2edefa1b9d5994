"""Graphs made of NumPy with the tensors that LiteRT's have: what the ports are bound to in these tests."""

from types import SimpleNamespace

import numpy as np

from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.target import LiteRtTarget, Pass

VOCAB, HIDDEN_SIZE = 64, 4


class Call:
    """What a BoundCall is to a port: arrays by name and `run`."""

    def __init__(self, inputs, outputs, function):
        self.inputs = {name: np.zeros(*spec) for name, spec in inputs.items()}
        self.outputs = {name: np.zeros(*spec) for name, spec in outputs.items()}
        self._function, self.runs = function, 0

    def run(self):
        self.runs += 1
        self._function(self)


def embedder(size=HIDDEN_SIZE):
    """A row is the token's id, `size` times."""

    def look_up(call):
        call.outputs["embeddings"][...] = call.inputs["token_ids"].item()

    return Call({"token_ids": ((1, 1), np.int32)}, {"embeddings": ((1, 1, size), np.float32)}, look_up)


class Cache:
    """Slots that passes write as the graphs do: a pass that would end past the last slot is moved back, silently."""

    def __init__(self, capacity):
        self.slots, self.passes = np.full(capacity, -1.0), []

    def call(self, width, scores, chooses=False):
        """A graph over `width` rows: writes the tokens' ids, and says the sum of the ids that a row sees; with
        `chooses` it makes the greedy choice itself."""
        capacity = len(self.slots)
        inputs = {
            "input_pos": (width, np.int32),
            "embeddings": ((1, width, HIDDEN_SIZE), np.float32),
            "mask": ((1, 1, width, capacity), np.float32),
        }
        outputs = {"logits": ((1, width, VOCAB), np.float32), "activations": ((1, width, HIDDEN_SIZE), np.float32)}
        if chooses:
            outputs |= {"target_tokens": (width, np.int32), "largest_logits": ((width, 2), np.float32)}
        return Call(inputs, outputs if scores else {}, lambda call: self._run(call, width))

    def _run(self, call, width):
        begin = min(call.inputs["input_pos"][0], len(self.slots) - width)
        self.slots[begin : begin + width] = call.inputs["embeddings"][0, :, 0]
        self.passes.append((int(call.inputs["input_pos"][0]), width))
        if call.outputs:
            seen = (call.inputs["mask"][0, 0] == 0) @ self.slots
            call.outputs["logits"][...] = np.eye(VOCAB)[seen.astype(int) % VOCAB]
            call.outputs["activations"][0, :, :] = seen[:, None]
        if "target_tokens" in call.outputs:
            call.outputs["target_tokens"][...] = seen.astype(int) % VOCAB
            call.outputs["largest_logits"][...] = 1.0, 0.0


def target(capacity, widths=(1, 3, 5), prefills=(8, 16), chooses=False, kind=Pass):
    """A LiteRtTarget over a fresh cache, and that cache."""
    cache = Cache(capacity)
    scoring = {width: kind(cache.call(width, True, chooses), f"verify_{width}") for width in widths}
    chunks = {length: Pass(cache.call(length, False)) for length in prefills}
    return LiteRtTarget(scoring, chunks, Embeddings(embedder(), None, VOCAB), capacity), cache


def models(capacity, **choices):
    return SimpleNamespace(target=target(capacity, **choices)[0])
