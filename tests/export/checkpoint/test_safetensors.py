"""Safetensors by position: rows as the reference library reads them; every damaged header is a CheckpointError."""

import json
import random
import time
import tracemalloc

import numpy as np
import pytest

from export.checkpoint.safetensors import INDEX_NAME, SINGLE_NAME, TensorFile, TensorIndex
from export.errors import CheckpointError

HEADER = {
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]},
    "c": {"dtype": "BF16", "shape": [], "data_offsets": [40, 42]},
}


def write(path, header, data=bytes(range(42)), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def test_reads_what_the_reference_library_wrote(tmp_path):
    import torch
    from safetensors.torch import save_file

    draw = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(7, 5, generator=draw).to(dtype)
        for name, dtype in (("bf16", torch.bfloat16), ("f16", torch.float16), ("f32", torch.float32))
    } | {"i64": torch.arange(9), "i32": torch.arange(9, dtype=torch.int32), "vector": torch.randn(6, generator=draw)}
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    index = TensorIndex.open(tmp_path)
    assert set(index.names()) == set(tensors)
    for name, tensor in tensors.items():
        assert index.info(name).shape == tuple(tensor.shape)
        expected = tensor.long() if name.startswith("i") else tensor.float()
        assert np.array_equal(index.read(name), expected.numpy())
        rows = torch.frombuffer(index.rows(name, 2, 5), dtype=tensor.dtype).view(tensor[2:5].shape)
        assert torch.equal(rows, tensor[2:5])


def test_rows_fill_the_callers_buffer(tmp_path):
    index = TensorIndex([TensorFile(write(tmp_path / "x.safetensors", HEADER))])
    scratch = bytearray(b"\xff" * 64)
    view = index.rows("a", 1, 2, scratch)
    assert bytes(view) == bytes(range(12, 24)) == bytes(scratch[:12])
    assert scratch[12:] == b"\xff" * 52 and view.obj is scratch
    assert bytes(index.rows("b", 0, 1, np.zeros(4, np.int64))) == bytes(range(24, 32))
    assert len(index.rows("a", 2, 2)) == 0
    with pytest.raises(IndexError):
        index.rows("a", 1, 3)
    with pytest.raises(ValueError):
        index.rows("a", 0, 2, bytearray(23))


def changed(name, **changes):
    return HEADER | {name: HEADER[name] | changes}


DAMAGED = {
    "an unknown dtype": (changed("a", dtype="F31"), "F31"),
    "a dtype that is no text": (changed("a", dtype=["F32"]), "dtype"),
    "a shape that is too large": (changed("a", shape=[2, 4]), "32 bytes"),
    "a negative size": (changed("a", shape=[-2, -3]), "-2"),
    "a size that is no integer": (changed("a", shape=[2.0, 3]), "2.0"),
    "offsets in reverse": (changed("a", data_offsets=[24, 0]), "data_offsets"),
    "an overlap": (changed("b", data_offsets=[16, 32]), "overlaps"),
    "a gap": (changed("c", data_offsets=[41, 43]), "gap"),
    "no shape": (HEADER | {"a": {"dtype": "F32", "data_offsets": [0, 24]}}, "shape"),
    "an entry that is no object": (HEADER | {"a": 3}, "3"),
    "a huge shape": (changed("a", shape=[2**62] * 600), "sizes"),
    "a list": ([], "list"),
    "no JSON": (b"{" * 9, "JSON"),
    "nesting without end": (b"[" * 100_000, "JSON"),
    "a name that no terminal takes": (HEADER | {"\x1b[2J": HEADER["a"]}, "printable"),
    "a name without end": (HEADER | {"a" * 1001: HEADER["a"]}, "1000 characters"),
    "half of a surrogate pair": (b'{"\\ud800": 1}', "surrogate"),
    "a name twice": (b'{"a": 1, "a": 2}', "twice"),
    "not UTF-8": (b'{"\xff": 1}', "JSON"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_headers_are_refused(tmp_path, damage):
    header, text = DAMAGED[damage]
    with pytest.raises(CheckpointError) as caught:
        TensorFile(write(tmp_path / "model-1.safetensors", header))
    assert text in str(caught.value) and "model-1.safetensors" in caught.value.title
    assert caught.value.exit_code == 3


def test_truncated_file_names_the_bytes(tmp_path):
    path = write(tmp_path / "x.safetensors", HEADER)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(CheckpointError, match="truncated") as caught:
        TensorFile(path)
    assert f"{len(whole):,} bytes" in caught.value.expected and f"{len(whole) - 10:,} bytes" in caught.value.found


@pytest.mark.parametrize("size", [0, 7, 8, 40])
def test_truncated_header(tmp_path, size):
    path = write(tmp_path / "x.safetensors", HEADER)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="truncated in its header"):
        TensorFile(path)


def test_bytes_after_the_last_tensor(tmp_path):
    with pytest.raises(CheckpointError, match="after its last tensor"):
        TensorFile(write(tmp_path / "x.safetensors", HEADER, bytes(43)))


def test_file_that_shrinks_after_opening(tmp_path):
    index = TensorIndex([TensorFile(path := write(tmp_path / "x.safetensors", HEADER))])
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 20)
    with pytest.raises(CheckpointError, match="truncated"):
        index.read("b")


def test_random_mutations_raise_checkpoint_errors_only(tmp_path):
    """Bytes of length and header changed, removed, inserted: opened in full or refused, never another exception."""
    draw, path = random.Random(0), tmp_path / "x.safetensors"
    whole, refused = write(path, HEADER).read_bytes(), 0
    header_end = len(whole) - 42
    interesting = b'0129-+.eE{}[]",: \x00\xff\\unltrf'
    for _ in range(4000):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(0 if draw.random() < 0.2 else 8, header_end)
            kind = draw.random()
            if kind < 0.6:
                data[at] = draw.choice(interesting) if draw.random() < 0.8 else draw.randrange(256)
            elif kind < 0.8:
                del data[at : at + draw.randint(1, 9)]
            else:
                data[at:at] = draw.choices(interesting, k=draw.randint(1, 9))
        if draw.random() < 0.5:  # a right length, so that the parser behind it is reached
            data[:8] = max(0, len(data) - 50).to_bytes(8, "little")
        path.write_bytes(data)
        try:
            file = TensorFile(path)
        except CheckpointError:
            refused += 1
            continue
        assert sum(info.nbytes for info in file.tensors.values()) <= len(data)
        file.close()
    assert 3000 < refused < 4000


@pytest.mark.parametrize("entry", ['"%d":{"dtype":"F32","shape":[],"data_offsets":[0,4]}', '"%d":3', '"%d":{}'])
def test_a_header_of_a_million_tensors_is_refused_before_they_are_built(tmp_path, entry):
    """It took 17 seconds and 923 MB."""
    path = write(tmp_path / "x.safetensors", ("{" + ",".join(entry % i for i in range(1_000_000)) + "}").encode())
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(CheckpointError, match="more than|too long"):
        TensorFile(path)
    seconds, (_, peak) = time.monotonic() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 5 and peak < 100 << 20


def test_a_header_of_many_tensors_opens(tmp_path):
    header = {str(i): {"dtype": "F32", "shape": [], "data_offsets": [4 * i, 4 * i + 4]} for i in range(20_000)}
    assert len(TensorFile(write(tmp_path / "x.safetensors", header, bytes(80_000))).tensors) == 20_000


NOT_FINITE = {"NaN": float("nan"), "infinity": float("inf"), "negative infinity": -float("inf")}


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_weights_that_are_not_finite_are_named_while_they_are_read(tmp_path, dtype, value):
    import torch
    from safetensors.torch import save_file

    matrix, vector = torch.randn(9, 5), torch.randn(6)
    limits = torch.finfo(getattr(torch, dtype))
    matrix[0, :2], vector[:2] = torch.tensor([limits.max, limits.min]), torch.tensor([limits.max, limits.min])
    matrix[7, 3], vector[4] = NOT_FINITE[value], NOT_FINITE[value]
    tensors = {"matrix": matrix.to(getattr(torch, dtype)), "vector": vector.to(getattr(torch, dtype))}
    save_file(tensors, tmp_path / "model.safetensors")
    index = TensorIndex.open(tmp_path)
    for read in (lambda: index.rows("matrix", 6, 9), lambda: index.read("matrix")):
        with pytest.raises(CheckpointError, match="matrix, row 7") as caught:
            read()
        assert caught.value.found == f"{value.split()[-1]} at value 3 of row 7"
    with pytest.raises(CheckpointError, match="vector, row 4"):
        index.read("vector")
    assert len(index.rows("matrix", 0, 7)) and len(index.rows("vector", 0, 4))


def test_integers_are_never_taken_for_floats(tmp_path):
    import torch
    from safetensors.torch import save_file

    save_file({"i": torch.full((3,), -1), "j": torch.full((3,), -1, dtype=torch.int32)}, tmp_path / "model.safetensors")
    index = TensorIndex.open(tmp_path)
    assert index.read("i").tolist() == index.read("j").tolist() == [-1, -1, -1]


def two_shards(folder, weight_map):
    write(folder / "m-1.safetensors", {"a": HEADER["a"]}, bytes(24))
    write(folder / "m-2.safetensors", {"b": HEADER["b"] | {"data_offsets": [0, 16]}}, bytes(16))
    (folder / INDEX_NAME).write_text(
        weight_map if isinstance(weight_map, str) else json.dumps({"weight_map": weight_map})
    )


def test_shards(tmp_path):
    two_shards(tmp_path, {"a": "m-1.safetensors", "b": "m-2.safetensors"})
    index = TensorIndex.open(tmp_path)
    assert index.names() == ["a", "b"] and index.file_of("b").path.name == "m-2.safetensors"


@pytest.mark.parametrize(
    ("weight_map", "text"),
    [
        ({"a": "m-1.safetensors", "z": "m-3.safetensors"}, "m-3.safetensors"),
        ({"a": "m-1.safetensors", "z": "m-2.safetensors"}, "z in m-2.safetensors"),
        ({"a": "m-2.safetensors", "b": "m-1.safetensors"}, "a in m-2.safetensors"),
        ({"a": "../m-1.safetensors"}, "../m-1.safetensors"),
        ({"a": "/etc/passwd"}, "/etc/passwd"),
        ({"a": "m-1.bin"}, "m-1.bin"),
        ({"a": 1}, "1"),
        ({"a": ["m-1.safetensors"]}, "weight_map"),
        ({"a": "m" * 5000 + ".safetensors"}, "refused"),
        ({"a": "é" * 122 + ".safetensors"}, "refused"),
        ({"a": "\x1b[2J.safetensors"}, "refused"),
        ('{"weight_map": {"a": "\\ud800.safetensors"}}', "surrogate"),
        ({str(i): f"{i}.safetensors" for i in range(501)}, "at most 500"),
        ({}, "at least one tensor"),
        ("[]", "weight_map"),
        ("{", "weight_map"),
        ('{"weight_map": []}', "weight_map"),
    ],
)
def test_index_that_does_not_fit(tmp_path, weight_map, text):
    two_shards(tmp_path, weight_map)
    with pytest.raises(CheckpointError) as caught:
        TensorIndex.open(tmp_path)
    assert text in str(caught.value)


def test_the_single_file_comes_before_an_index_as_in_transformers(tmp_path):
    """A model saved again in one file leaves the index of its shards, which may be there or not."""
    two_shards(tmp_path, {"a": "m-1.safetensors", "b": "m-2.safetensors"})
    write(tmp_path / SINGLE_NAME, HEADER)
    assert TensorIndex.open(tmp_path).names() == ["a", "b", "c"]
    (tmp_path / "m-1.safetensors").unlink()
    assert TensorIndex.open(tmp_path).names() == ["a", "b", "c"]
    from transformers.modeling_utils import _get_resolved_checkpoint_files

    files, _ = _get_resolved_checkpoint_files(str(tmp_path), None, None, None, None, False)
    assert files == [str(tmp_path / SINGLE_NAME)]


def test_tensor_in_two_shards(tmp_path):
    two_shards(tmp_path, {"a": "m-1.safetensors", "b": "m-2.safetensors"})
    write(tmp_path / "m-2.safetensors", HEADER)
    with pytest.raises(CheckpointError, match="two files"):
        TensorIndex.open(tmp_path)
