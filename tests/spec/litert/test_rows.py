"""Rows in NumPy have the bits of plain ones, whatever stands in them."""

import random
import struct
import time

import numpy as np
import pytest

from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.litert.rows import ArrayRows, exponentials
from runtime_spec.sampling.exponential import exponential
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.penalty import penalise, restore
from runtime_spec.sampling.rows import PlainRows
from runtime_spec.sampling.sampler import Sampler
from runtime_spec.vectors.fuzz import Draws, draw_sampling
from runtime_spec.vectors.numbers import VOCABULARY, exponents

ARRAY, PLAIN = ArrayRows(), PlainRows()
SUBNORMAL = [1e-45, -1e-45, 3e-45, 0.0, -0.0]


def bits(values) -> list[bytes]:
    return [struct.pack(">d", value) for value in values]


def assert_same(row: np.ndarray, sampling: Sampling):
    mine, plain = ARRAY.filtered(row, sampling, 3), PLAIN.filtered(row.tolist(), sampling, 3)
    assert list(mine.tokens) == list(plain.tokens), sampling
    assert bits(mine.weights) == bits(plain.weights), sampling
    assert all(type(token) is int for token in mine.tokens[:1]) and type(mine.weights[0]) is float


def rows_of(size: int):
    """Spread out, with few levels, all equal, about zero with both zeros, and of hugely different size."""
    draw = np.random.default_rng(size)
    yield (draw.standard_normal(size) * 6).astype(np.float32)
    yield draw.integers(-3, 4, size).astype(np.float32)
    yield np.full(size, -1.25, np.float32)
    yield draw.choice(np.array(SUBNORMAL, np.float32), size)
    yield (draw.standard_normal(size) * 10.0 ** draw.integers(-30, 30, size)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 300])
def test_small_rows_with_all_kinds_of_parameters(size):
    draws = Draws(size)
    for row in rows_of(size):
        for _ in range(60):
            assert_same(row, draw_sampling(draws))


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(1.0, 64, 0.95), Sampling(0.7, 0, 0.9), Sampling(1.0), Sampling(0.0), Sampling(2.0, 1000, 1.0, 0.001),
        Sampling(1.0, VOCABULARY), Sampling(1.0, VOCABULARY - 1, 0.999),
    ],
    ids=repr,
)  # fmt: skip
def test_rows_of_the_whole_vocabulary(sampling):
    for row in rows_of(VOCABULARY):
        assert_same(row, sampling)


@pytest.mark.parametrize("size", [2047, 2048, 5000])
def test_rows_whose_largest_stand_together(size):
    rising = np.arange(size, dtype=np.float32) / 100
    for row in (
        rising,
        -rising,
        np.floor(rising),
        np.minimum(rising, 20),
        np.roll(rising, 64),
        np.repeat(rising[:9], size),
    ):
        for top_k in (1, 2, 64, 70, 1500):
            assert_same(row.astype(np.float32)[:size], Sampling(1.0, top_k))


def test_ties_at_the_end_of_the_largest_go_to_the_lowest_ids():
    row = np.zeros(VOCABULARY, np.float32)
    row[[200_000, 9]] = 1.0
    assert ARRAY.filtered(row, Sampling(1.0, 5), 0).tokens == [9, 200_000, 0, 1, 2]


def test_exponentials_have_the_bits_of_the_plain_one():
    x = [*exponents(), *(-40 * random.Random(1).random() for _ in range(5000))]
    assert bits(exponentials(np.array(x))) == bits(map(exponential, x))


def test_penalties_have_the_same_bits_and_are_put_back():
    for row in rows_of(64):
        before, plain = row.copy(), row.tolist()
        tokens = [3, 60, 3, 7, 64, -1]
        saved, plain_saved = penalise(row, tokens, 1.1), penalise(plain, tokens, 1.1)
        assert row.tolist() == plain and (row[[0, 1]] == before[[0, 1]]).all()
        assert_same(row, Sampling(1.0, 20, 0.9))
        restore(row, saved)
        restore(plain, plain_saved)
        assert row.tobytes() == before.tobytes()


def test_a_penalty_past_the_largest_float_is_the_plain_error():
    row = np.array([3e38, 1.0], np.float32)
    errors = []
    for rows, one in ((ARRAY, row), (PLAIN, row.tolist())):
        sampler = Sampler(Sampling(1.0, repetition_penalty=0.5, repetition_window=1), rows)
        sampler.wrote([0], 0)
        with pytest.raises(RuntimeLibraryError) as error:
            sampler.target_tokens([one], [0], 0)
        errors.append(str(error.value))
    assert errors[0] == errors[1] and "slot 0" in errors[0] and row[0] == np.float32(3e38)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_no_number_is_the_plain_error(wrong, temperature):
    row = np.arange(9, dtype=np.float32)
    row[4] = wrong
    errors = []
    for rows, one in ((ARRAY, row), (PLAIN, row.tolist())):
        with pytest.raises(RuntimeLibraryError) as error:
            rows.filtered(one, Sampling(temperature, 2), 41)
        errors.append(str(error.value))
    assert errors[0] == errors[1] and "slot 41" in errors[0]


def test_drawing_costs_little_beside_a_pass():
    """Gemma's vocabulary, with what its makers recommend: the best of many, since machines are shared."""
    row, best = next(rows_of(VOCABULARY)), []
    for _ in range(20):
        begin = time.perf_counter()
        ARRAY.filtered(row, Sampling(1.0, 64, 0.95), 0)
        best.append(time.perf_counter() - begin)
    assert min(best) < 0.01
