"""Weights on their way into a bundle: what can't be stored is named, whatever it is stored as."""

import io
import shutil
import threading
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoint.checkpoint import Checkpoint
from export.choices.recipe import LEAST_ERROR, Storage
from export.errors import CheckpointError
from export.weights import stream
from export.weights.plan import Weight
from export.weights.stream import CheckpointSource, _WeightWriter
from tests.checkpoints import write_pair

PREFIX = "model.language_model."
MATRIX, VECTOR = "layers.1.mlp.up_proj.weight", "layers.1.input_layernorm.weight"
STORAGES = [Storage(32), Storage(8), Storage(4), Storage(4, 0, LEAST_ERROR), Storage(4, 32)]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return write_pair("tiny_plain", tmp_path_factory.mktemp("pair"))[0]


def spoilt(target, folder, dtype, name, at, value):
    """A copy of `target` in `dtype` with one value of a tensor changed."""
    shutil.copytree(target, folder)
    tensors = {key: tensor.to(dtype) for key, tensor in load_file(folder / "model.safetensors").items()}
    tensors[PREFIX + name].view(-1)[at] = value
    save_file(tensors, folder / "model.safetensors")
    return Checkpoint.open(folder)


def write(checkpoint, name, storage):
    """The weight's bytes as a bundle holds them."""
    source, file = CheckpointSource(checkpoint), io.BytesIO()
    weight = Weight(name, source.shape(name), storage, None, None)
    weight.scales = torch.zeros(max(1, weight.num_scales)).numpy()
    _WeightWriter(file).write(weight, source, 0, [weight])
    return file.getvalue()


@pytest.mark.parametrize("storage", STORAGES, ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_matrix_that_is_not_finite(target, tmp_path, dtype, storage, value):
    """Met on a phone it would be zero times infinity in the one row that nobody had looked at."""
    checkpoint = spoilt(target, tmp_path / "target", dtype, MATRIX, 128 * 150 + 7, value)
    assert write(checkpoint, MATRIX.replace("1", "2"), storage)
    with pytest.raises(CheckpointError) as caught:
        write(checkpoint, MATRIX, storage)
    assert f"{PREFIX}{MATRIX}, row 150" in caught.value.title and "model.safetensors" in caught.value.where


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_a_vector_that_is_not_finite(target, tmp_path, dtype):
    checkpoint = spoilt(target, tmp_path / "target", dtype, VECTOR, 5, float("nan"))
    with pytest.raises(CheckpointError, match="input_layernorm.weight, row 5"):
        write(checkpoint, VECTOR, Storage(32))


def test_a_weight_too_large_for_a_blocks_scale(target, tmp_path):
    """Finite, and yet infinite once it is stored: a float16 ends at 65,504."""
    checkpoint = spoilt(target, tmp_path / "target", torch.float32, MATRIX, 0, 5e5)
    with pytest.raises(CheckpointError, match="too large for int4: layers.1.mlp.up_proj.weight") as caught:
        write(checkpoint, MATRIX, Storage(4, 32))
    assert "500000" in caught.value.found
    assert write(checkpoint, MATRIX, Storage(8))


@pytest.mark.parametrize("storage", STORAGES, ids=str)
def test_threads_share_rows_and_change_no_byte(target, monkeypatch, storage):
    checkpoint = Checkpoint.open(target)
    monkeypatch.setattr(stream, "row_chunks", lambda rows, width: [(n, min(n + 5, rows)) for n in range(0, rows, 5)])
    found = {}
    for threads in (1, 2, 5):
        monkeypatch.setattr(stream, "THREADS", threads)
        found[threads] = write(checkpoint, MATRIX, storage)
    assert found[1] == found[2] == found[5]


def test_a_source_is_asked_in_order_and_by_one_thread_at_a_time(target, monkeypatch):
    """Sources keep what they read until its last row is handed out, and reuse their buffers."""
    asked, busy = [], threading.Lock()

    class Watched(CheckpointSource):
        def rows(self, name, begin, end):
            assert busy.acquire(blocking=False), "two threads at a time"
            asked.append(begin)
            time.sleep(0.001)
            found = super().rows(name, begin, end)
            busy.release()
            return found

    monkeypatch.setattr(stream, "row_chunks", lambda rows, width: [(n, n + 1) for n in range(rows)])
    monkeypatch.setattr(f"{__name__}.CheckpointSource", Watched)
    write(Checkpoint.open(target), MATRIX, Storage(8))
    assert asked == sorted(asked) and len(asked) == 192
