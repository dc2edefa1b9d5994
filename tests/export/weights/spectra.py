"""Rows as weights may be distributed, drawn with a seed, and what ai-edge-quantizer makes of rows."""

import numpy as np
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithms.uniform_quantize import mse, octav


def _outlier_columns(draw: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """One in a hundred is 10 to 30 times as large."""
    rows = draw.standard_normal(shape)
    columns = draw.choice(shape[1], max(1, shape[1] // 100), replace=False)
    rows[:, columns] *= draw.uniform(10, 30, len(columns))
    return rows


SPECTRA = {
    "Gaussian": lambda draw, shape: draw.standard_normal(shape),
    "Student t of 6": lambda draw, shape: draw.standard_t(6, shape),
    "Student t of 4": lambda draw, shape: draw.standard_t(4, shape),
    "outlier columns": _outlier_columns,
    "one outlier": lambda draw, shape: np.where(np.arange(shape[1]) == 3, 50, draw.standard_normal(shape)),
    "uniform": lambda draw, shape: draw.uniform(-1, 1, shape),
}


def drawn(spectrum: str, count: int, width: int) -> np.ndarray:
    """float32[count, width], the same at each call."""
    return SPECTRA[spectrum](np.random.default_rng(0), (count, width)).astype(np.float32)


QUANTIZERS = {"OCTAV": octav, "MSE": mse}
"""ai-edge-quantizer's ways to scales that cut."""


def quantizers(rows: np.ndarray, way: str, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """(codes int8[n, k], scales float32[n, 1]) of float32[n, k] by the way of QUANTIZERS."""
    config = qtyping.TensorQuantizationConfig(bits, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE)
    uses = qtyping.OpQuantizationConfig(config)
    operation = qtyping.OpInfo(None, qtyping.TFLOperationName.FULLY_CONNECTED, 0, uses)
    limits = {"min": rows.min(1, keepdims=True), "max": rows.max(1, keepdims=True)}
    found = QUANTIZERS[way].get_tensor_quant_params(operation, config, rows, limits)
    return found.quantized_data, found.scale
