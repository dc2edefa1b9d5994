"""Torch modules to LiteRT graphs without weights.

Every parameter stands over an anonymous mapping that is never touched; litert-torch's constant inlining is given a
version that names each parameter instead of reading it; after the converter's passes each becomes an external
constant, so that the flatbuffer holds a tensor `weight/<checkpoint name>/` with an empty buffer. `quantize` fills it.
A graph depends on configs alone: fine-tunes of one model share it.
"""

import math
import mmap
import re
from pathlib import Path

import torch
from litert_converter.mlir import ir
from litert_converter.mlir.dialects import stablehlo
from litert_torch.backend import lowerings
from litert_torch.backend.lowerings import utils as lowering_utils

from export.graphs import upstream
from export.graphs.flatbuffer import WEIGHT_PREFIX
from export.modules import (
    cache,
    selection,  # noqa: F401  (register the operations that are lowered below)
)

MAP_NORESERVE = 0x4000
RESOURCE = re.compile(r'dense_resource<"?(W@[^">]+)"?>')


def placeholder(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Zeros that cost address space only, as long as nobody reads them."""
    count = max(1, math.prod(shape))
    region = mmap.mmap(-1, count * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    return torch.frombuffer(region, dtype=dtype, count=count).view(shape)


def named_weight(*_):
    """Stands for a parameter in the exported program; only its lowering is ever used."""
    raise RuntimeError("named_weight is lowered, never called")


@lowerings.lower(named_weight)
def _lower_named_weight(context, name: str, tensor: torch.Tensor):
    element = lowering_utils.torch_dtype_to_ir_element_type(tensor.dtype)
    kind = ir.RankedTensorType.get(tensor.shape, element)
    view = memoryview(tensor.detach().numpy())
    return upstream.resource_constant(view, f"W@{name}", kind)


@lowerings.lower(torch.ops.slipstream.update_cache)
def _lower_update_cache(context, cache_value: ir.Value, update: ir.Value, start: ir.Value, dim: int):
    zero = lowering_utils.splat(0, ir.IntegerType.get_signless(32), [])
    starts = [zero] * 4
    starts[dim] = start
    return stablehlo.dynamic_update_slice(cache_value, update, starts)


@lowerings.lower(torch.ops.slipstream.read_window)
def _lower_read_window(context, source: ir.Value, begin: ir.Value, size: int, dim: int):
    zero = lowering_utils.splat(0, ir.IntegerType.get_signless(32), [])
    starts, sizes = [zero] * 4, list(ir.RankedTensorType(source.type).shape)
    starts[dim], sizes[dim] = begin, size
    return stablehlo.dynamic_slice(source, starts, sizes)


@lowerings.lower(torch.ops.slipstream.read_prefix)
def _lower_read_prefix(context, source: ir.Value, count: ir.Value, dim: int):
    return stablehlo.custom_call([source.type], [source, count], f"slipstream.read_prefix.{dim}")


@lowerings.lower(torch.ops.slipstream.prefix_length)
def _lower_prefix_length(context, newest: ir.Value, capacity: int):
    def number(value: int) -> ir.Value:
        return lowering_utils.splat(value, ir.IntegerType.get_signless(32), [])

    step = number(cache.PREFIX_STEP)
    steps = stablehlo.add(stablehlo.divide(newest, step), number(1))
    return stablehlo.minimum(stablehlo.multiply(steps, step), number(capacity))


@lowerings.lower(torch.ops.slipstream.largest)
def _lower_largest(context, values: ir.Value, k: int):
    kinds = [ir.RankedTensorType(values.type).element_type, ir.IntegerType.get_signless(32)]
    results = [ir.RankedTensorType.get([k], kind) for kind in kinds]
    return stablehlo.custom_call(results, [values], f"slipstream.largest.{k}")


@lowerings.lower(torch.ops.slipstream.zero_if_finite)
def _lower_zero_if_finite(context, values: ir.Value):
    kind = ir.RankedTensorType.get([1], ir.RankedTensorType(values.type).element_type)
    return stablehlo.custom_call([kind], [values], "slipstream.zero_if_finite.0")


@lowerings.lower(torch.ops.slipstream.choices)
def _lower_choices(context, logits: ir.Value):
    source = ir.RankedTensorType(logits.type)
    tokens = ir.RankedTensorType.get([source.shape[1]], ir.IntegerType.get_signless(32))
    largest = ir.RankedTensorType.get([source.shape[1], 2], source.element_type)
    return stablehlo.custom_call([tokens, largest], [logits], "slipstream.choices.0")


@lowerings.lower(torch.ops.slipstream.take)
def _lower_take(context, table: ir.Value, rows: ir.Value):
    (count,), source = ir.RankedTensorType(rows.type).shape, ir.RankedTensorType(table.type)
    kind = ir.RankedTensorType.get([count, source.shape[1]], source.element_type)
    return stablehlo.custom_call([kind], [table, rows], "slipstream.take.0")


@lowerings.lower(torch.ops.slipstream.cluster_logits)
def _lower_cluster_logits(context, hidden: ir.Value, head: ir.Value, clusters: ir.Value, chosen: ir.Value):
    (count,), (_, size) = (ir.RankedTensorType(value.type).shape for value in (chosen, clusters))
    kind = ir.RankedTensorType.get([1, count * size], ir.RankedTensorType(hidden.type).element_type)
    return stablehlo.custom_call([kind], [hidden, head, chosen], f"slipstream.cluster_logits.{size}")


@lowerings.lower(torch.ops.slipstream.spread_logits)
def _lower_spread_logits(context, logits: ir.Value, tokens: ir.Value, vocab_size: int):
    kind = ir.RankedTensorType.get([vocab_size], ir.RankedTensorType(logits.type).element_type)
    return stablehlo.custom_call([kind], [logits, tokens], f"slipstream.spread_logits.{vocab_size}")


@lowerings.lower(torch.ops.slipstream.spread_mask)
def _lower_spread_mask(context, mask: ir.Value, group_of: ir.Value):
    (members,) = ir.RankedTensorType(group_of.type).shape
    kind = ir.RankedTensorType.get([1, members], ir.RankedTensorType(mask.type).element_type)
    return stablehlo.custom_call([kind], [mask, group_of], "slipstream.spread_mask.0")


def lower(name: str, module: torch.nn.Module, inputs: dict[str, torch.Tensor], out: Path) -> None:
    """Lowers `module` as signature `name` and writes the weightless flatbuffer to `out`."""
    context, lowered = upstream.to_mlir(name, module, inputs, named_weight)
    with context:
        externalize(lowered)
    upstream.write(lowered, out)


def externalize(module) -> None:
    """Every named constant becomes a `tfl.external_const`, which the writer leaves without bytes.

    Each name has an index of its own, as the dialect asks of different buffers.
    """
    root = module.operation if isinstance(module, ir.Module) else module
    index_type = ir.IntegerType.get_signless(32, root.context)
    indices: dict[str, int] = {}
    for operation, name in [*_named_constants(root)]:
        index = indices.setdefault(name, len(indices) + 1)
        with ir.Location.name(f"{WEIGHT_PREFIX}{name}/", context=root.context):
            external = ir.Operation.create(
                "tfl.external_const",
                results=[operation.results[0].type],
                attributes={"buffer_index": ir.IntegerAttr.get(index_type, index)},
                ip=ir.InsertionPoint(operation),
            )
        operation.results[0].replace_all_uses_with(external.results[0])
        operation.erase()


def _named_constants(operation):
    if operation.name in ("arith.constant", "tfl.pseudo_const", "stablehlo.constant"):
        value = operation.attributes["value"]
        if not isinstance(value, (ir.DenseElementsAttr, ir.DenseFPElementsAttr, ir.DenseIntElementsAttr)):
            found = RESOURCE.search(str(value))
            if found:
                yield operation, found.group(1).removeprefix("W@")
    for region in operation.regions:
        for block in region.blocks:
            for child in block.operations:
                yield from _named_constants(child.operation)
