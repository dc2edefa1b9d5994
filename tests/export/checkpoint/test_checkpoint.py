"""Checkpoints as folders: what opens, what each mistake is told, pairing, fingerprints."""

import json
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from export.checkpoint import checkpoint
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.config import FULL, SLIDING
from export.checkpoint.pairing import check_pairing
from export.checkpoint.safetensors import INDEX_NAME
from export.errors import CheckpointError, PairingError
from tests.checkpoints import PRESETS, write_pair, write_safetensors

TINY = [name for name in PRESETS if name.startswith("tiny")]
PREFIX = "model.language_model."


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Preset → (target folder, drafter folder); read only."""
    return {name: write_pair(name, tmp_path_factory.mktemp(name)) for name in TINY}


@pytest.fixture
def target(pairs, tmp_path):
    """A copy of tiny_e2b's target to spoil."""
    return shutil.copytree(pairs["tiny_e2b"][0], tmp_path / "target")


@pytest.fixture
def drafter(pairs, tmp_path):
    return shutil.copytree(pairs["tiny_e2b"][1], tmp_path / "drafter")


def edit(folder, text=None, **changes):
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    values["text_config"] = values.get("text_config", {}) | (text or {})
    path.write_text(json.dumps(values))


def rewrite(folder, change):
    """Rewrites model.safetensors, zeros and an ordering, with what `change` makes of name → (dtype, shape)."""
    index = Checkpoint.open(folder).tensors
    tensors = {name: (index.info(name).dtype, index.info(name).shape) for name in index.names()}
    change(tensors)

    def zeros(name, shape):
        if name.endswith("token_ordering"):
            yield np.arange(shape[0], dtype="<i8").tobytes()
        else:
            yield bytes(int(np.prod(shape)) * {"BF16": 2, "I64": 8}[tensors[name][0]])

    write_safetensors(folder / "model.safetensors", tensors, zeros)


def refused(folder, *parts, role=None):
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(folder, role)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.exit_code == 3 and str(folder) in caught.value.where


@pytest.mark.parametrize("preset", TINY)
def test_pairs_open_and_fit(pairs, preset):
    target, drafter = (Checkpoint.open(folder) for folder in pairs[preset])
    check_pairing(target, drafter)
    assert (target.id, target.role, target.model_type, target.prefix) == ("target", "target", "gemma4", PREFIX)
    assert (drafter.role, drafter.prefix, drafter.tokenizer) == ("drafter", "model.", None)
    assert target.tokenizer.stop == (1, 5)
    assert target.skipped == () and target.text is target.config and drafter.text is drafter.config.text
    scalar = target.tensors.read(f"{target.prefix}layers.0.layer_scalar")
    assert scalar.tolist() == [1.0]


def test_text_only_checkpoint(target):
    text = json.loads((target / "config.json").read_text())["text_config"]

    def rename(tensors):
        for name in list(tensors):
            tensors[name.replace(PREFIX, "model.")] = tensors.pop(name)

    rewrite(target, rename)
    (target / "config.json").write_text(json.dumps(text))
    assert Checkpoint.open(target).prefix == "model."


def test_towers_are_skipped_and_counted(target):
    towers = {
        "model.vision_tower.encoder.weight": ("BF16", (4, 4)),
        "model.vision_tower.encoder.bias": ("BF16", (4,)),
        "model.embed_audio.weight": ("BF16", (2, 2)),
    }
    rewrite(target, lambda tensors: tensors.update(towers))
    skipped = Checkpoint.open(target).skipped
    assert [(tower.name, tower.count, tower.nbytes) for tower in skipped] == [
        ("vision_tower", 2, 40),
        ("embed_audio", 1, 8),
    ]


def test_tensors_that_may_be_there_and_are_ignored(target):
    extra = {
        f"{PREFIX}layers.8.self_attn.k_proj.weight": ("BF16", (64, 128)),  # of a KV-shared layer, as published
        f"{PREFIX}layers.8.self_attn.v_norm.weight": ("BF16", (64,)),
        "lm_head.weight": ("BF16", (1024, 128)),  # the tied table again
    }
    rewrite(target, lambda tensors: tensors.update(extra))
    assert Checkpoint.open(target).skipped == ()


@pytest.mark.parametrize("name", ["layers.0.mlp.gate_proj.bias", "layers.0.router.weight", "layers.9.layer_scalar"])
def test_unknown_tensors_of_the_decoder(target, name):
    rewrite(target, lambda tensors: tensors.update({PREFIX + name: ("BF16", (1,))}))
    refused(target, "unknown", name)


def test_missing_tensor(target):
    rewrite(target, lambda tensors: tensors.pop(f"{PREFIX}layers.5.mlp.up_proj.weight"))
    refused(target, "missing", "layers.5.mlp.up_proj.weight")


def test_misshapen_tensor(target):
    rewrite(target, lambda tensors: tensors.update({f"{PREFIX}norm.weight": ("BF16", (127,))}))
    refused(target, f"{PREFIX}norm.weight", "[127]", "[128]", "model.safetensors")


def test_tensor_of_another_dtype(target):
    rewrite(target, lambda tensors: tensors.update({f"{PREFIX}norm.weight": ("I64", (128,))}))
    refused(target, f"{PREFIX}norm.weight", "I64", "BF16")


def test_untied_head(target):
    edit(target, tie_word_embeddings=False)
    refused(target, "tie_word_embeddings", "lm_head.weight")
    edit(target, tie_word_embeddings=True)
    rewrite(target, lambda tensors: tensors.update({"lm_head.weight": ("BF16", (1024, 128))}))
    edit(target, tie_word_embeddings=False)
    assert not Checkpoint.open(target).config.tie_word_embeddings


def test_truncated_file(target):
    path = target / "model.safetensors"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size - 1000)
    refused(target, "truncated", "model.safetensors", f"{size:,} bytes", f"{size - 1000:,} bytes")


def test_missing_shard(pairs, tmp_path):
    folder = shutil.copytree(pairs["tiny_e4b"][0], tmp_path / "target")
    (folder / "model-00002-of-00002.safetensors").unlink()
    refused(folder, "missing", "model-00002-of-00002.safetensors", "1 of 2")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "last.ckpt"])
def test_pickles_are_refused(target, name):
    (target / "model.safetensors").rename(target / name)
    refused(target, "Pickle", name, "safetensors")


def test_pickle_beside_safetensors_is_not_touched(target):
    (target / "pytorch_model.bin").write_bytes(b"never read")
    Checkpoint.open(target)


def test_no_weights(target):
    (target / "model.safetensors").unlink()
    refused(target, "no weights", "model.safetensors")


@pytest.mark.parametrize("model_type", ["gemma3", "llama", None, 4, "gemma4_vision"])
def test_not_gemma_4(target, model_type):
    edit(target, model_type=model_type)
    refused(target, "Not a Gemma 4 checkpoint", repr(model_type), "gemma4_text")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"model_type": "gemma4"'])
def test_damaged_config(target, text):
    (target / "config.json").write_text(text)
    refused(target, "config.json")


def test_missing_config_and_tokenizer(target):
    (target / "tokenizer.json").unlink()
    refused(target, "tokenizer.json")
    (target / "config.json").unlink()
    refused(target, "config.json can't be read")


def test_role(target, drafter):
    assert Checkpoint.open(target, "target").role == "target"
    refused(target, "not a drafter", "gemma4", role="drafter")
    refused(drafter, "not a target", "gemma4_assistant", role="target")


def test_no_such_folder(tmp_path):
    refused(tmp_path / "absent", "no such folder", "hub id")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "a file")


def test_hub_id_without_network(tmp_path):
    """In a process of its own: the hub's client reads its environment once."""
    program = (
        "from export.checkpoint.checkpoint import Checkpoint\nfrom export.errors import CheckpointError\n"
        "try:\n    Checkpoint.open('nobody/no-such-model')\n"
        "except CheckpointError as error:\n    print(error)"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "could not be fetched: nobody/no-such-model" in run.stdout
    assert "name the folder" in run.stdout


def test_opening_stays_light():
    """Neither torch nor transformers nor the hub's client nor NumPy is imported for a folder."""
    program = (
        "import sys, export.checkpoint.checkpoint, export.choices.recipe; print([m for m in %r if m in sys.modules])"
    )
    heavy = ["torch", "transformers", "huggingface_hub", "numpy", "safetensors"]
    run = subprocess.run([sys.executable, "-c", program % heavy], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def mismatch(target, drafter, *parts):
    with pytest.raises(PairingError) as caught:
        check_pairing(Checkpoint.open(target), Checkpoint.open(drafter))
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.exit_code == 4


def test_drafter_of_another_size(pairs):
    mismatch(
        pairs["tiny_e4b"][0],
        pairs["tiny_plain"][1],
        "Drafter does not fit target: backbone_hidden_size 128, target hidden_size 96",
        "Use the drafter of the same size.",
    )


def test_drafter_of_another_vocabulary(target, drafter):
    def smaller(tensors):
        tensors["model.embed_tokens.weight"] = ("BF16", (512, 64))
        tensors["masked_embedding.token_ordering"] = ("I64", (512,))

    rewrite(drafter, smaller)
    edit(drafter, text={"vocab_size": 512})
    mismatch(target, drafter, "vocab_size 512", "vocab_size 1024")


def test_drafter_of_another_window_or_kv_heads(pairs, target):
    edit(target, text={"sliding_window": 32})
    mismatch(target, pairs["tiny_e2b"][1], "sliding_window 16", "sliding_window 32")
    mismatch(pairs["tiny_e2b"][0], pairs["tiny_k_eq_v"][1], "num_key_value_heads 2", "num_key_value_heads 1")


def test_drafter_that_rotates_otherwise(target, drafter):
    ropes = {SLIDING: {"rope_type": "default", "rope_theta": 5e4}, FULL: {"rope_type": "default", "rope_theta": 5e4}}
    edit(drafter, text={"rope_parameters": ropes})
    mismatch(target, drafter, "rope_parameters", "50000.0", "1000000.0")


def test_drafter_of_other_layer_types(target, drafter):
    def all_full(tensors):
        for name, (dtype, shape) in tensors.items():
            layer = name.split(".")[3] if "self_attn" in name else ""
            if layer in ("2", "5", "8"):
                tensors[name] = (dtype, tuple({256: 128, 64: 32}.get(size, size) for size in shape))

    rewrite(target, all_full)
    edit(target, text={"layer_types": [FULL] * 9, "global_head_dim": 32})
    mismatch(target, drafter, "layer types full_attention and sliding_attention", "only full_attention")


def test_swapped(target, drafter):
    mismatch(drafter, target, "a drafter and a target")


@pytest.mark.parametrize(
    "order", [[0] * 1024, [*range(1023), 0], [*range(1, 1025)], [*range(1023), -1], [2**62] * 1024]
)
def test_an_ordering_that_is_no_permutation(drafter, order):
    """Tokens that no cluster holds would have the cluster of whatever stood in memory."""
    index = Checkpoint.open(drafter).tensors
    with open(drafter / "model.safetensors", "r+b") as file:
        file.seek(index.info("masked_embedding.token_ordering").begin)
        file.write(np.array(order, "<i8").tobytes())
    refused(drafter, "no ordering of the tokens: masked_embedding.token_ordering", "each token from 0 to 1023 once")


def test_fewer_per_layer_rows_than_tokens(target):
    edit(target, text={"vocab_size_per_layer_input": 1000})
    refused(target, "vocab_size_per_layer_input", "at least vocab_size 1024")


def test_a_pipe_is_refused_at_once_wherever_it_stands(pairs, tmp_path):
    for name in ("config.json", "generation_config.json", "tokenizer.json", "model.safetensors"):
        folder = shutil.copytree(pairs["tiny_e2b"][0], tmp_path / name)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        refused(folder, name, "a pipe")


def test_a_folder_whose_name_is_no_text(pairs, tmp_path):
    folder = shutil.copytree(pairs["tiny_e2b"][0], os.fsdecode(bytes(tmp_path) + b"/\xff"))
    with pytest.raises(CheckpointError, match="no name in Unicode") as caught:
        Checkpoint.open(folder)
    assert str(caught.value).encode()


@pytest.fixture
def snapshot(target, tmp_path):
    """The target as the hub's client keeps it: links to blobs of other names."""
    repository = tmp_path / "models--org--name"
    folder = repository / "snapshots/0123"
    (repository / "blobs").mkdir(parents=True)
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(target.iterdir())):
        shutil.copy(path, repository / "blobs" / f"{number:040}")
        (folder / path.name).symlink_to(f"../../blobs/{number:040}")
    return folder


def test_a_snapshot_of_the_hub_opens_and_has_the_same_fingerprint(target, snapshot):
    opened = Checkpoint.open(snapshot)
    assert opened.fingerprint() == Checkpoint.open(target).fingerprint()
    assert opened.tokenizer.content() == (target / "tokenizer.json").read_bytes()
    again = pickle.loads(pickle.dumps(opened))
    assert again.tensors.read(f"{PREFIX}norm.weight").tolist() == [1.0] * 128


SMALL = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]


@pytest.mark.parametrize("name", SMALL)
def test_fingerprint_follows_every_small_file(target, name):
    first = Checkpoint.open(target).fingerprint()
    assert first == Checkpoint.open(target).fingerprint() and len(first) == 64
    with open(target / name, "a") as file:
        file.write("\n")
    second = Checkpoint.open(target).fingerprint()
    (target / name).rename(target / "elsewhere")
    third = Checkpoint.open(target).fingerprint() if name not in ("config.json", "tokenizer.json") else ""
    assert len({first, second, third}) == 3


def test_fingerprint_follows_the_index(pairs, tmp_path):
    folder = shutil.copytree(pairs["tiny_e4b"][0], tmp_path / "target")
    first = Checkpoint.open(folder).fingerprint()
    with open(folder / INDEX_NAME, "a") as file:
        file.write("\n")
    assert Checkpoint.open(folder).fingerprint() != first


@pytest.mark.parametrize("whole", [True, False])
def test_fingerprint_follows_the_tensors(target, monkeypatch, whole):
    """Every byte of a small checkpoint; of a large one those that were written since, whichever they are."""
    if not whole:
        monkeypatch.setattr(checkpoint, "FULL_HASH_BYTES", 1 << 20)
        monkeypatch.setattr(checkpoint, "SAMPLE_BYTES", 1 << 10)
    first, path = Checkpoint.open(target).fingerprint(), target / "model.safetensors"
    before = path.stat()
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    if whole:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert Checkpoint.open(target).fingerprint() != first


def test_fingerprint_of_a_large_checkpoint_follows_header_and_samples(target, monkeypatch):
    monkeypatch.setattr(checkpoint, "FULL_HASH_BYTES", 1 << 20)
    monkeypatch.setattr(checkpoint, "SAMPLE_BYTES", 1 << 10)
    path, seen = target / "model.safetensors", {Checkpoint.open(target).fingerprint()}
    before, header = path.stat(), int.from_bytes(path.read_bytes()[:8], "little")
    step = before.st_size // checkpoint.SAMPLES
    for at in (7 + header, step * (checkpoint.SAMPLES - 1)):  # of the header's filling, and where a sample begins
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(b"\t" if byte == b" " else bytes([byte[0] ^ 1]))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        seen.add(Checkpoint.open(target).fingerprint())
    assert len(seen) == 3


def test_fingerprint_of_a_small_copy_is_the_same(target, tmp_path):
    copy = shutil.copytree(target, tmp_path / "copy")
    assert Checkpoint.open(copy).fingerprint() == Checkpoint.open(target).fingerprint()
