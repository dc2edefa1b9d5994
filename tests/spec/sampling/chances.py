"""Random numbers that take every value at once: code that compares them is run once for every way that comparisons can
come out, and each way has its exact probability.

A number begins as all of [0, 1). Where a comparison could come out both ways, the run goes one way with the part of the
interval that leads there; another run goes the other. One number that is asked for twice is one interval, so that code
which uses a number for two things shows it."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any


class Number:
    def __init__(self, numbers: "Numbers"):
        self.numbers, self.low, self.high = numbers, 0.0, 1.0

    def __mul__(self, scale: float) -> "Scaled":
        return Scaled(self, scale)

    def __lt__(self, bound: float) -> bool:
        if bound >= self.high:
            return True
        if bound <= self.low:
            return False
        if self.numbers.ask():
            self.high = bound
            return True
        self.low = bound
        return False


class Scaled:
    def __init__(self, number: Number, scale: float):
        self.number, self.scale = number, scale

    def __lt__(self, bound: float) -> bool:
        return self.number < bound / self.scale if self.scale > 0 else bound > 0


class Numbers:
    """Stands in for runtime_spec.sampling.random.uniform in one run."""

    def __init__(self, answers: list[bool]):
        self.answers, self.asked = answers, 0
        self._numbers: dict[tuple[int, int, int], Number] = {}

    def uniform(self, seed: int, slot: int, purpose: int) -> Number:
        return self._numbers.setdefault((seed, slot, purpose), Number(self))

    def ask(self) -> bool:
        if self.asked == len(self.answers):
            self.answers.append(True)
        self.asked += 1
        return self.answers[self.asked - 1]

    @property
    def probability(self) -> float:
        return prod(number.high - number.low for number in self._numbers.values())


def every_run(play: Callable[[Numbers], Any]) -> Iterator[tuple[float, Any]]:
    """What `play` returns in every way that its comparisons can come out, and how probable that is."""
    answers: list[bool] = []
    while True:
        numbers = Numbers(answers)
        found = play(numbers)
        yield numbers.probability, found
        while answers and not answers[-1]:
            answers.pop()
        if not answers:
            return
        answers[-1] = False
