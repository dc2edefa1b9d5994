"""Graphs that remember what they answered, so that many texts with few beginnings are cheap.

Loop, sampler and ports are the real ones, and so is every answer: a graph that is asked the same behind the same text
is not run again. What a pass that was not run would have written to the cache is written before the next that runs."""

import numpy as np

from runtime_spec.bundle.contents import CHOICES
from runtime_spec.litert.compiled import BoundCall
from runtime_spec.litert.masks import HIDDEN
from runtime_spec.litert.runtime import Runtime


class Slots:
    """What stands in each cache slot: as passes were asked to write it, and as they did. Equal numbers mean equal texts
    up to and with the slot."""

    def __init__(self, capacity: int, decode: BoundCall):
        self.asked, self.written = [0] * capacity, [0] * capacity
        self._decode, self._numbers, self._rows = decode, {}, {}

    def ask(self, position: int, rows: list[tuple[bytes, ...]]) -> None:
        for slot, row in enumerate(rows, start=position):
            before = self.asked[slot - 1] if slot else 0
            number = self._numbers.setdefault((before, row), len(self._numbers) + 1)
            self.asked[slot], self._rows[number] = number, row

    def write(self, end: int) -> None:
        """Makes the cache what it should be below `end`."""
        inputs, kept = self._decode.inputs, {}
        for slot in range(end):
            if self.written[slot] != self.asked[slot]:
                kept = kept or {name: inputs[name].copy() for name in ("input_pos", "mask", *row_names(self._decode))}
                inputs["input_pos"][...] = slot
                inputs["mask"].reshape(-1)[...] = np.where(np.arange(inputs["mask"].size) <= slot, 0, HIDDEN)
                for name, row in zip(row_names(self._decode), self._rows[self.asked[slot]], strict=True):
                    inputs[name].reshape(-1)[...] = np.frombuffer(row, np.float32)
                self._decode.run()
                self.written[slot] = self.asked[slot]
        for name, array in kept.items():
            inputs[name][...] = array


class Remembered:
    """In place of a BoundCall of a target's pass or, with `drafts`, of the drafter's."""

    def __init__(self, call: BoundCall, slots: Slots, drafts: bool):
        self._call, self._slots, self._drafts = call, slots, drafts
        names = ("logits", "projected_activations" if drafts else "activations", *CHOICES)
        self._outputs = [call.outputs[name] for name in names if name in call.outputs]
        self._answers: dict[object, list[np.ndarray]] = {}

    def run(self) -> None:
        position, slots = int(self._call.inputs["input_pos"][0]), self._slots
        if self._drafts:
            begin = position + 1
            key = position, slots.asked[position], self._call.inputs["activations"].tobytes()
        else:
            begin, rows = position, row_bytes(self._call)
            slots.ask(position, rows)
            end = position + len(rows)
            key = position, slots.asked[end - 1]
        if key not in self._answers:
            slots.write(begin)
            self._call.run()
            self._answers[key] = [output.copy() for output in self._outputs]
            if not self._drafts:
                slots.written[begin:end] = slots.asked[begin:end]
        for output, answer in zip(self._outputs, self._answers[key], strict=True):
            output[...] = answer


def row_names(call: BoundCall) -> list[str]:
    return [name for name in ("embeddings", "per_layer_embeddings") if name in call.inputs]


def row_bytes(call: BoundCall) -> list[tuple[bytes, ...]]:
    """Of each row of a pass, its inputs."""
    width = call.inputs["input_pos"].shape[0]
    tables = [call.inputs[name].reshape(width, -1) for name in row_names(call)]
    return [tuple(table[i].tobytes() for table in tables) for i in range(width)]


def remember(runtime: Runtime) -> None:
    """From now on; the cache is to be filled anew."""
    target = runtime.target
    passes = [*target._scoring.values(), *target._fills.values()]
    slots = Slots(target.capacity, target._scoring[1]._call)
    for one in passes:
        one._call = Remembered(one._call, slots, False)
    runtime.drafter._call = Remembered(runtime.drafter._call, slots, True)
