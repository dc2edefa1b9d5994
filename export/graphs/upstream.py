"""Everything of litert-torch, litert-converter and torch that is not their public interface, in one place.

Seen in torch 2.13.0, litert-torch 0.10.0, litert-converter 0.5.x; `PRIVATE` lists each name with the reason it is
needed. Imported by `lower` only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import torch
from litert_converter.mlir import ir, passmanager
from litert_converter.mlir._mlir_libs import converter_api_ext
from litert_torch import backend
from litert_torch._convert import core, litert_converter, signature
from litert_torch.backend import inline_consts

PRIVATE = {
    "litert_converter.mlir._mlir_libs.converter_api_ext.set_signature": "names a graph's inputs and outputs",
    "litert_converter.mlir._mlir_libs.converter_api_ext.merge_modules": "the converter takes a merged module only",
    "litert_converter.mlir._mlir_libs.converter_api_ext.run_convert_to_tfl_passes": "conversion that stops at MLIR, "
    "where weights are still named; litert_torch.convert goes on to a flatbuffer with their bytes in it",
    "litert_converter.mlir._mlir_libs.converter_api_ext.ConvertToTFLConfig": "what the passes are run with",
    "litert_torch._convert.core.export_torch_signature": "the exported program before conversion",
    "litert_torch._convert.core._run_convert_passes": "litert-torch's own passes over it",
    "litert_torch._convert.litert_converter._get_output_names": "output names as litert_torch.convert gives them",
    "litert_torch._convert.litert_converter.LazyModelExporter": "writes a module whose constants are external",
    "litert_torch._convert.signature.Signature": "what export_torch_signature takes",
    "litert_torch.backend.inline_consts.inline_consts": "replaced while a graph is lowered: it reads every parameter "
    "and writes it into the graph, gigabytes of placeholders",
    "litert_torch.backend.inline_consts.InlineConstsContext": "runs inline_consts where the backend asks for it",
    "litert_torch.backend.inline_consts.tensor_lowering_placeholder": "how it marks the constants that are no weights",
    "litert_torch.backend.inline_consts._build_const": "a constant over bytes that are not copied",
    "torch.export.ExportedProgram._get_flat_args_with_check": "the user's inputs, to tell constants from them",
    "torch.export.ExportedProgram._graph_module_flat_inputs": "constants in the order of the graph's first nodes",
}
"""Name → why nothing public does it."""


def missing() -> list[str]:
    """The names of PRIVATE that the installed libraries lack."""
    return [name for name in PRIVATE if not _exists(name)]


def _exists(name: str) -> bool:
    head, *rest = name.split(".")
    found = import_module(head)
    for part in rest:
        head = f"{head}.{part}"
        if hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = import_module(head)
        except ImportError:
            return False
    return True


def to_mlir(
    name: str, module: torch.nn.Module, inputs: dict[str, torch.Tensor], named_weight: Callable
) -> tuple[ir.Context, ir.Module]:
    """`module` as signature `name` after the converter's passes, each parameter a constant made by `named_weight`."""
    wanted = signature.Signature(name, module.eval(), None, inputs)
    with torch.no_grad():
        program = core.export_torch_signature(wanted, run_decompositions=False)
        program = core._run_convert_passes(program)
    context = backend.export_utils.create_ir_context()
    constants = inline_consts.InlineConstsContext(enable_resource_constants=True)
    with _parameters_as(named_weight):
        lowered = backend.export.exported_program_to_mlir(
            program, ir_context=context, lowering_context_plugins=[constants]
        )
    converter_api_ext.set_signature(
        lowered.module.operation,
        signature_name=name,
        input_names=wanted.flat_arg_names,
        output_names=litert_converter._get_output_names(program, lowered),
    )
    merged = converter_api_ext.merge_modules([lowered.module])
    config = converter_api_ext.ConvertToTFLConfig()
    config.model_origin_framework = "PYTORCH"
    config.unsafe_fuse_dynamic_shaped_broadcast = True
    config.canonicalizing_inf_as_min_max_float = False
    config.enable_x64 = False
    with context:
        converter_api_ext.run_convert_to_tfl_passes(merged, passmanager.PassManager(), config)
    return context, merged


def write(module: ir.Module, out: Path) -> None:
    """The module as a flatbuffer."""
    litert_converter.LazyModelExporter(module=module).to_file(str(out))


def resource_constant(view: memoryview, name: str, kind: ir.RankedTensorType) -> ir.Value:
    """A constant named `name` over `view`, whose bytes are not read."""
    return inline_consts._build_const(ir.DenseResourceElementsAttr.get_from_buffer(view, name, kind), kind)


@contextmanager
def _parameters_as(named_weight: Callable) -> Iterator[None]:
    """While this is open, constant inlining turns parameters into calls of `named_weight`, all else as ever."""

    def inline(program: torch.export.ExportedProgram) -> None:
        user, _ = program._get_flat_args_with_check(*program.example_inputs)
        flat = program._graph_module_flat_inputs(*program.example_inputs)
        constants = flat[: -len(user)] if user else flat
        parameters = program.graph_signature.inputs_to_parameters
        for tensor, node in zip(constants, list(program.graph.nodes)[: len(constants)], strict=True):
            name = parameters.get(node.name)
            node.op = "call_function"
            node.target = named_weight if name else inline_consts.tensor_lowering_placeholder
            node.args = (name, tensor) if name else (tensor,)
        program.graph_signature.input_specs = program.graph_signature.input_specs[len(constants) :]

    original, inline_consts.inline_consts = inline_consts.inline_consts, inline
    try:
        yield
    finally:
        inline_consts.inline_consts = original
