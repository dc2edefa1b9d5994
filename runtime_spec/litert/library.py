"""libLiteRt's C API through ctypes: the functions this runtime uses, with their types.

The same symbols serve the JVM and Android (same library there); nothing here knows of models.
"""

import ctypes as c
import importlib.util
import os
from pathlib import Path

from runtime_spec.errors import RuntimeLibraryError

Handle = c.c_void_p
ENVIRONMENT_VARIABLE = "SLIPSTREAM_LITERT"


class Layout(c.Structure):
    """LiteRtLayout, 68 bytes: rank in 7 bits, a flag for strides in 1."""

    _fields_ = [
        ("rank", c.c_uint32, 7),
        ("has_strides", c.c_uint32, 1),
        ("dimensions", c.c_int32 * 8),
        ("strides", c.c_uint32 * 8),
    ]


class TensorType(c.Structure):
    """LiteRtRankedTensorType, 72 bytes."""

    _fields_ = [("element", c.c_int32), ("layout", Layout)]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.layout.dimensions[: self.layout.rank])


SIZE, INT, POINTER = c.c_size_t, c.c_int, c.POINTER
OUT = POINTER(Handle)
FUNCTIONS = {
    "LiteRtCreateEnvironment": (INT, Handle, OUT),
    "LiteRtDestroyEnvironment": (Handle,),
    "LiteRtCreateModelFromBuffer": (Handle, Handle, SIZE, OUT),
    "LiteRtDestroyModel": (Handle,),
    "LiteRtGetNumModelSignatures": (Handle, POINTER(SIZE)),
    "LiteRtGetModelSignature": (Handle, SIZE, OUT),
    "LiteRtGetSignatureKey": (Handle, POINTER(c.c_char_p)),
    "LiteRtGetNumSignatureInputs": (Handle, POINTER(SIZE)),
    "LiteRtGetNumSignatureOutputs": (Handle, POINTER(SIZE)),
    "LiteRtGetSignatureInputName": (Handle, SIZE, POINTER(c.c_char_p)),
    "LiteRtGetSignatureOutputName": (Handle, SIZE, POINTER(c.c_char_p)),
    "LiteRtGetSignatureInputTensorByIndex": (Handle, SIZE, OUT),
    "LiteRtGetSignatureOutputTensorByIndex": (Handle, SIZE, OUT),
    "LiteRtGetRankedTensorType": (Handle, POINTER(TensorType)),
    "LiteRtCreateOptions": (OUT,),
    "LiteRtDestroyOptions": (Handle,),
    "LiteRtSetOptionsHardwareAccelerators": (Handle, INT),
    "LiteRtCreateOpaqueOptions": (c.c_char_p, Handle, Handle, OUT),
    "LiteRtAddOpaqueOptions": (Handle, Handle),
    "LiteRtCreateCompiledModel": (Handle, Handle, Handle, OUT),
    "LiteRtDestroyCompiledModel": (Handle,),
    "LiteRtGetCompiledModelInputBufferRequirements": (Handle, SIZE, SIZE, OUT),
    "LiteRtGetCompiledModelOutputBufferRequirements": (Handle, SIZE, SIZE, OUT),
    "LiteRtGetTensorBufferRequirementsBufferSize": (Handle, POINTER(SIZE)),
    "LiteRtCreateTensorBufferFromHostMemory": (POINTER(TensorType), Handle, SIZE, Handle, OUT),
    "LiteRtDestroyTensorBuffer": (Handle,),
    "LiteRtRunCompiledModel": (Handle, SIZE, SIZE, Handle, SIZE, Handle),
}


STATUSES = {
    1: "invalid argument",
    2: "memory allocation failure",
    3: "runtime failure",
    4: "missing input tensor",
    5: "unsupported",
    6: "not found",
    7: "timeout expired",
    8: "wrong version",
    9: "unknown",
    10: "already exists",
    100: "cancelled",
    500: "file IO",
    501: "invalid flatbuffer",
    502: "dynamic loading",
    503: "serialization",
    504: "compilation",
}
"""LiteRtStatus, as litert_common.h names what may happen where models are opened and run; the library has no function
for it. LibraryErrors.kt has the same."""


def status_text(status: int) -> str:
    """The number, and what LiteRT's headers call it."""
    return f"status {status}" + (f", {STATUSES[status]}" if status in STATUSES else "")


class Library:
    """The loaded library; every function raises RuntimeLibraryError when it returns a status."""

    def __init__(self, path: Path | None = None):
        self.path = path or default_path()
        try:
            self.shared = c.CDLL(str(self.path))
        except OSError as error:
            raise _error("LiteRT can't be loaded", str(self.path), str(error)) from error
        for name, arguments in FUNCTIONS.items():
            try:
                function = getattr(self.shared, name)
            except AttributeError:
                raise _error("LiteRT lacks a symbol", name, f"no such symbol in {self.path}") from None
            function.argtypes = arguments
            function.restype = None if name.startswith("LiteRtDestroy") else c.c_int
        libc = c.CDLL(None)
        libc.strdup.restype, libc.strdup.argtypes = Handle, [c.c_char_p]
        self._libc = libc

    def call(self, name: str, *arguments) -> None:
        status = getattr(self.shared, name)(*arguments)
        if status:
            raise _error(f"{name} failed", "status 0", status_text(status))

    def create(self, name: str, *arguments) -> Handle:
        """Calls a function whose last parameter receives a handle."""
        handle = Handle()
        self.call(name, *arguments, c.byref(handle))
        return handle

    def destroy(self, kind: str, handle: Handle) -> None:
        getattr(self.shared, f"LiteRtDestroy{kind}")(handle)

    def number(self, name: str, *arguments) -> int:
        value = SIZE()
        self.call(name, *arguments, c.byref(value))
        return value.value

    def text(self, name: str, *arguments) -> str:
        value = c.c_char_p()
        self.call(name, *arguments, c.byref(value))
        return (value.value or b"").decode("utf-8", "backslashreplace")

    def add_options(self, options: Handle, identifier: str, toml: str) -> None:
        """Opaque options travel as TOML text; the library frees the copy with the function it is handed."""
        payload = self._libc.strdup(toml.encode())
        opaque = self.create("LiteRtCreateOpaqueOptions", identifier.encode(), payload, c.cast(self._libc.free, Handle))
        self.call("LiteRtAddOpaqueOptions", options, opaque)


def default_path() -> Path:
    """$SLIPSTREAM_LITERT, else the library in the ai-edge-litert package."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    package = importlib.util.find_spec("ai_edge_litert")
    if package is None:
        raise _error("LiteRT is not installed", "the package ai-edge-litert", "no such package")
    return Path(package.submodule_search_locations[0]) / "libLiteRt.so"


def _error(title: str, expected: str, found: str) -> RuntimeLibraryError:
    return RuntimeLibraryError(
        title,
        expected=expected,
        found=found,
        where="libLiteRt.so",
        action=f"Install ai-edge-litert 2.3.0, or point {ENVIRONMENT_VARIABLE} at a libLiteRt.so of that version.",
    )
