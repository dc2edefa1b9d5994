"""A model's signatures with buffers that are bound once and reused for every call."""

import ctypes as c
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime_spec.bundle import contents, manifest
from runtime_spec.bundle.manifest import TensorSpec
from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.litert.library import Handle, Library, TensorType, status_text

CPU = 1
ALIGNMENT = 64
ELEMENTS = {1: np.float32, 2: np.int32}
DTYPES = {1: "float32", 2: "int32"}
ONE_ZERO_POINT = "compress_quantization_zero_points = true\n"
"""Weights have a zero point a row, all of them 0: kept in each signature, they are 40 MB of Gemma 4 E2B."""


def aligned_zeros(nbytes: int) -> np.ndarray:
    """uint8[nbytes] at an address that LiteRT takes as host memory."""
    memory = np.zeros(nbytes + ALIGNMENT, np.uint8)
    skip = -memory.ctypes.data % ALIGNMENT
    return memory[skip : skip + nbytes]


class Buffer:
    """Host memory that is a LiteRT tensor buffer and a NumPy array at once."""

    def __init__(self, library: Library, tensor_type: TensorType, nbytes: int):
        self._library = library
        self.memory = aligned_zeros(nbytes)
        element = ELEMENTS[tensor_type.element]
        count = int(np.prod(tensor_type.shape))
        self.array = self.memory[: count * 4].view(element).reshape(tensor_type.shape)
        self.handle = library.create(
            "LiteRtCreateTensorBufferFromHostMemory", c.byref(tensor_type), self.memory.ctypes.data, nbytes, None
        )

    def close(self) -> None:
        if self.handle:
            self._library.destroy("TensorBuffer", self.handle)
            self.handle = None


@dataclass
class Tensor:
    """One input or output of a signature: place in the call, type, and once compiled the bytes its buffer needs."""

    index: int
    type: TensorType
    nbytes: int = 0

    def spec(self) -> TensorSpec:
        """The type as the manifest writes it. BundleError for a type or shape that no manifest can have."""
        return TensorSpec(DTYPES.get(self.type.element, "other"), self.type.shape)


@contextmanager
def _spelled(path: Path) -> Iterator[str]:
    """A spelling of `path` for LiteRT's options: their TOML has no escapes (seen in 2.3.0) and is UTF-8. A folder whose
    name needs one is reached through an open descriptor."""
    text = os.fsencode(path).decode("utf-8", "replace")
    if text.isprintable() and not {'"', "\\", "\ufffd"} & set(text):
        yield text
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


class CompiledModel:
    """A model opened in place from memory that the caller keeps mapped, compiled for the CPU.

    `expected` are the manifest's signatures: BundleError, before anything is compiled, where the graph's differ; None
    takes the graph's as they are. `weight_cache` is the file XNNPACK keeps its packed weights in: without it they are
    packed once per signature."""

    def __init__(
        self,
        library: Library,
        environment: Handle,
        address: int,
        nbytes: int,
        threads: int,
        weight_cache: Path | None,
        expected: contents.Signatures | None = None,
        where: str = "the model",
    ):
        self._library, self._model, self._compiled = library, None, None
        self._buffers: list[Buffer] = []
        self._options, folder = library.create("LiteRtCreateOptions"), ExitStack()
        try:
            library.call("LiteRtSetOptionsHardwareAccelerators", self._options, CPU)
            toml = f"num_threads = {threads}\n"
            if weight_cache:
                toml += f'weight_cache_file_path = "{folder.enter_context(_spelled(weight_cache))}"\n'
            library.add_options(self._options, "xnnpack", toml)
            library.add_options(self._options, "runtime_options_string", ONE_ZERO_POINT)
            self._model = library.create("LiteRtCreateModelFromBuffer", environment, address, nbytes)
            count = library.number("LiteRtGetNumModelSignatures", self._model)
            self.signatures = dict(self._signature(i) for i in range(count))
            if expected is not None:
                found = {name: signature.spec() for name, signature in self.signatures.items()}
                contents.check_signatures(expected, found, f"the graph of {where}")
            self._compiled = library.create("LiteRtCreateCompiledModel", environment, self._model, self._options)
            self._measure()
        except BaseException:
            self.close()
            raise
        finally:
            folder.close()

    def _signature(self, index: int) -> tuple[str, "Signature"]:
        library = self._library
        handle = library.create("LiteRtGetModelSignature", self._model, index)
        tensors: dict[str, dict[str, Tensor]] = {}
        for side in ("Input", "Output"):
            found = tensors[side] = {}
            for i in range(library.number(f"LiteRtGetNumSignature{side}s", handle)):
                name = library.text(f"LiteRtGetSignature{side}Name", handle, i)
                tensor = library.create(f"LiteRtGetSignature{side}TensorByIndex", handle, i)
                tensor_type = TensorType()
                library.call("LiteRtGetRankedTensorType", tensor, c.byref(tensor_type))
                found[name] = Tensor(i, tensor_type)
        key = library.text("LiteRtGetSignatureKey", handle)
        return key, Signature(index, tensors["Input"], tensors["Output"])

    def _measure(self) -> None:
        """What buffers need, which only a compiled model tells."""
        for signature in self.signatures.values():
            for side, tensors in (("Input", signature.inputs), ("Output", signature.outputs)):
                name = f"LiteRtGetCompiledModel{side}BufferRequirements"
                for tensor in tensors.values():
                    needs = self._library.create(name, self._compiled, signature.index, tensor.index)
                    tensor.nbytes = self._library.number("LiteRtGetTensorBufferRequirementsBufferSize", needs)

    def buffer(self, tensor: Tensor) -> Buffer:
        buffer = Buffer(self._library, tensor.type, tensor.nbytes)
        self._buffers.append(buffer)
        return buffer

    def bind(self, name: str, shared: dict[str, Buffer]) -> "BoundCall":
        """The signature with its buffers: those of `shared` by tensor name (also an output where it is an input: the
        graph then updates in place), fresh ones for the rest."""
        signature = self.signatures.get(name)
        if signature is None:
            raise RuntimeLibraryError(
                f"The model has no signature {name}",
                expected=name,
                found=", ".join(self.signatures),
                where="the bundle's graph",
                action="Export the bundle again.",
            )
        inputs = {key: shared.get(key) or self.buffer(tensor) for key, tensor in signature.inputs.items()}
        outputs = {key: shared.get(key) or self.buffer(tensor) for key, tensor in signature.outputs.items()}
        return BoundCall(self._library, self._compiled, signature, inputs, outputs)

    def close(self) -> None:
        for buffer in self._buffers:
            buffer.close()
        self._buffers = []
        for kind, attribute in (("CompiledModel", "_compiled"), ("Model", "_model"), ("Options", "_options")):
            handle = getattr(self, attribute)
            if handle:
                self._library.destroy(kind, handle)
                setattr(self, attribute, None)


@dataclass
class Signature:
    index: int
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def spec(self) -> manifest.Signature:
        sides = [{name: tensor.spec() for name, tensor in side.items()} for side in (self.inputs, self.outputs)]
        return manifest.Signature(*sides)


class BoundCall:
    """One signature ready to run: `inputs` and `outputs` are arrays by name, `run()` is one call into LiteRT."""

    def __init__(self, library: Library, compiled: Handle, signature: Signature, inputs: dict, outputs: dict):
        self.inputs = {name: buffer.array for name, buffer in inputs.items()}
        self.outputs = {name: buffer.array for name, buffer in outputs.items()}
        self._run = library.shared.LiteRtRunCompiledModel
        input_handles = (Handle * len(inputs))(*(b.handle.value for b in inputs.values()))
        output_handles = (Handle * len(outputs))(*(b.handle.value for b in outputs.values()))
        self._arguments = (
            compiled,
            c.c_size_t(signature.index),
            c.c_size_t(len(inputs)),
            c.cast(input_handles, Handle),
            c.c_size_t(len(outputs)),
            c.cast(output_handles, Handle),
        )
        self._keep = (input_handles, output_handles, inputs, outputs)

    def run(self) -> None:
        status = self._run(*self._arguments)
        if status:
            raise RuntimeLibraryError(
                "A model call failed",
                expected="status 0",
                found=status_text(status),
                where="LiteRtRunCompiledModel",
                action="Verify the bundle, then report it.",
            )
