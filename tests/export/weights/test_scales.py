"""Scales by least squared error, against ai-edge-quantizer's own two ways and against every scale there is."""

import numpy as np
import pytest
import torch
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as uniform

from export.choices.recipe import LEAST_ERROR, Storage
from export.weights.quantize import FLOOR, Quantizer
from export.weights.scales import ROWS, ScaleSearch
from tests.export.weights.spectra import QUANTIZERS, SPECTRA, drawn, quantizers

BEST = Storage(4, 0, LEAST_ERROR)


def squared_error(rows, scales):
    """float64[n]"""
    codes = np.clip(np.round(rows / scales), -8, 7)
    return ((rows.astype(np.float64) - codes * scales.astype(np.float64)) ** 2).sum(1)


def largest(rows):
    return torch.from_numpy(np.abs(rows).max(1))


def scales_of(rows):
    found = ScaleSearch(rows.size).least_error(torch.from_numpy(rows), largest(rows))
    return found.numpy()[:, None]


# Measured, as shares of the least error of 400 scales from 1.02 to 1 / 60 of max / 7: up to 1.022 in rows of 128, 1.007
# in rows of 1,536, 1.003 in rows of 8,960.
@pytest.mark.parametrize(("width", "share"), [(128, 1.03), (1536, 1.012), (8960, 1.005)])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_no_other_scale_is_much_better(spectrum, width, share):
    rows = drawn(spectrum, max(24, 100_000 // width), width)
    found = squared_error(rows, scales_of(rows))
    exact = np.abs(rows).max(1, keepdims=True) / 7
    tried = [squared_error(rows, exact * np.float32(part)) for part in np.geomspace(1.02, 1 / 60, 400)]
    assert (found <= squared_error(rows, exact) * (1 + 1e-6)).all()
    assert found.sum() <= share * np.min(tried, axis=0).sum()
    for way in QUANTIZERS:
        assert found.sum() <= 1.001 * squared_error(rows, quantizers(rows, way, 4)[1]).sum(), way


def test_codes_are_the_quantizers_at_that_scale():
    rows = drawn("Student t of 4", 64, 256)
    scales = torch.empty(64)
    packed = Quantizer(rows.size).store(torch.from_numpy(rows), BEST, scales).numpy().view(np.int8)
    codes = np.stack([packed << 4 >> 4, packed >> 4], -1).reshape(rows.shape)
    np.testing.assert_array_equal(scales.numpy()[:, None], scales_of(rows))
    scale, zero = scales.numpy()[:, None], np.zeros((64, 1), np.int32)
    params = qtyping.UniformQuantParams(4, 0, scale, zero, symmetric=True)
    np.testing.assert_array_equal(codes, uniform.uniform_quantize(rows, params))
    assert codes.min() == -8 and codes.max() == 7


@pytest.mark.parametrize("scale", [1e-30, 0.013, 1e30])
def test_rows_that_are_codes_keep_their_scale(scale):
    """As a checkpoint has them that was trained for int4 and stored in 16 bits; squares of some are no floats."""
    codes = np.random.default_rng(0).integers(-7, 8, (300, 96))
    codes[:, 5] = 7
    rows = codes.astype(np.float32) * np.float32(scale)
    np.testing.assert_array_equal(scales_of(rows), np.abs(rows).max(1, keepdims=True) / 7)


def test_rows_of_zeros_have_a_scale():
    scales = torch.empty(3)
    packed = Quantizer(3 * 64).store(torch.zeros(3, 64), BEST, scales)
    assert not packed.any() and (scales == torch.tensor(FLOOR) / 7).all()


def test_rows_are_judged_alone():
    """However many come at once, and whatever came before."""
    rows = drawn("Student t of 6", 2 * ROWS + 5, 48)
    rows *= np.geomspace(1e-3, 1e3, len(rows), dtype=np.float32)[:, None]
    search, whole = ScaleSearch(rows.size), scales_of(rows)
    for begin, end in ((0, 1), (7, ROWS + 9), (len(rows) - 1, len(rows))):
        part = rows[begin:end]
        found = search.least_error(torch.from_numpy(part), largest(part))
        np.testing.assert_array_equal(found.numpy()[:, None], whole[begin:end])
