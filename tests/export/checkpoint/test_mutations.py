"""Damaged checkpoints by the thousand: each opens or is refused, soon and in little memory; nothing else happens."""

import json
import random
import resource
import shutil
import signal
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
import pytest
from safetensors.numpy import save_file

from export.chat.template import read_chat_template
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.pairing import check_pairing
from export.checkpoint.safetensors import INDEX_NAME, SINGLE_NAME
from export.errors import SlipstreamError
from tests.checkpoints import write_pair

CASES, SECONDS, GROWTH = 2000, 5, 300 << 20
"""In all, tokenizers aside; for one case; bytes of memory beyond those before the first."""
VALUES = [
    None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "1", "\ud800",
    "a" * 5000, "a" * 5000 + ".safetensors", "\ud800.safetensors", "../../etc/passwd", "\x00", [], [[]], {}, {"a": {}},
    [None], {"": None}, ["sliding_attention"] * 2000, {"default": "x"}, [{"name": "default", "template": {}}],
    [{"name": {}}],
]  # fmt: skip


class TooSlow(BaseException):
    """No Exception: whoever catches those may not swallow it."""


@contextmanager
def limited():
    def end(*_):
        raise TooSlow

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def nodes(value, found=None) -> list[tuple[dict | list, object]]:
    """(container, key) of every value in a JSON value."""
    found = [] if found is None else found
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        nodes(value[key], found)
    return found


def changed_values(draw: random.Random, raw: bytes) -> bytes:
    """One to three values swapped, replaced, removed, wrapped or renamed."""
    values = json.loads(raw)
    for _ in range(draw.randint(1, 3)):
        places = nodes(values)
        if not places:
            break
        container, key = draw.choice(places)
        kind = draw.random()
        if kind < 0.5:
            container[key] = draw.choice(VALUES)
        elif kind < 0.65:
            other, elsewhere = draw.choice(places)
            container[key] = json.loads(json.dumps(other[elsewhere])) if elsewhere in other else None
        elif kind < 0.8:
            del container[key]
        elif kind < 0.9:
            container[key] = [container[key]]
        elif isinstance(container, dict):
            container[draw.choice(["", "99", "0", "\ud800", "text_config", "a" * 300])] = container.pop(key)
    return json.dumps(values).encode()


def changed_bytes(draw: random.Random, raw: bytes) -> bytes:
    """Bytes flipped, removed, doubled or cut off, or a key repeated."""
    data = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        at, kind = draw.randrange(len(data) or 1), draw.random()
        if kind < 0.5 and data:
            data[at] = draw.choice(b'0129-+.eE{}[]",: \x00\xff\\unltrf') if draw.random() < 0.7 else draw.randrange(256)
        elif kind < 0.65:
            del data[at : at + draw.randint(1, 20)]
        elif kind < 0.8:
            data[at:at] = data[at : at + draw.randint(1, 60)]
        elif kind < 0.85:
            del data[at:]
        elif kind < 0.9:
            data[at:at] = b'{"a":' * draw.choice([3, 900, 60_000])
        elif b"{" in data:
            first = data.index(b"{") + 1
            data[first:first] = draw.choice([b'"model_type": 3,', b'"weight_map": [],', b'"a": {}, "a": {},'])
    return bytes(data)


def header(change: Callable, draw: random.Random, raw: bytes) -> bytes:
    """`change` made of a tensor file's header; its length is made right, or left as it was."""
    length = int.from_bytes(raw[:8], "little")
    text = change(draw, raw[8 : 8 + length])
    right = draw.random() < 0.9
    return (len(text) if right else length).to_bytes(8, "little") + text + raw[8 + length :]


CHANGES = [changed_values, changed_bytes]
FILES = ["config.json", "generation_config.json", "tokenizer_config.json", SINGLE_NAME, INDEX_NAME]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """(target folder, drafter folder): in one file, in shards, and a text-only target."""
    made = [write_pair(preset, tmp_path_factory.mktemp(preset)) for preset in ("tiny_e2b", "tiny_e4b", "tiny_plain")]
    shutil.copy(made[0][0] / "generation_config.json", made[0][1])
    for target, _ in made:
        config = json.loads((target / "tokenizer_config.json").read_text())
        config |= {"chat_template": [{"name": "default", "template": "x"}, {"name": "rag", "template": "y"}]}
        (target / "tokenizer_config.json").write_text(json.dumps(config))
    for target in (made[1][0], made[2][0]):
        (target / "chat_template.jinja").unlink()
    config = json.loads((made[2][0] / "config.json").read_text())["text_config"]
    (made[2][0] / "config.json").write_text(json.dumps(config))
    _rename(made[2][0] / SINGLE_NAME, b"model.language_model.", b"model.")
    return made


def _rename(path, old: bytes, new: bytes) -> None:
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    text = raw[8 : 8 + length].replace(old, new)
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])


def opened(target, drafter) -> bool:
    """Whether the pair opens; any error but a SlipstreamError, a long wait or an unprintable message is raised."""
    try:
        with limited():
            check_pairing(Checkpoint.open(target, "target"), Checkpoint.open(drafter, "drafter"))
            read_chat_template(target)
        return True
    except SlipstreamError as error:
        assert str(error).encode() and len(str(error)) < 10_000
        return False


def run(folders, files: list[str], cases: int) -> dict[bool, int]:
    """How many of `cases` mutations of `files` open and how many are refused."""
    draw, ends = random.Random(0), {True: 0, False: 0}
    assert all(opened(*pair) for pair in folders)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in range(cases):
        pair = folders[case % len(folders)]
        places = [folder / name for folder in pair for name in files if (folder / name).exists()]
        path, change = draw.choice(places), draw.choice(CHANGES)
        raw = path.read_bytes()
        mutate = change if path.suffix == ".json" else lambda *given, change=change: header(change, *given)
        path.write_bytes(mutate(draw, raw))
        try:
            ends[opened(*pair)] += 1
        except BaseException as error:
            raise AssertionError(f"case {case}, {path.parent.name}/{path.name}, {change.__name__}") from error
        finally:
            path.write_bytes(raw)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < GROWTH
    return ends


def test_mutations_open_or_are_refused(folders):
    ends = run(folders, FILES, CASES)
    # Neither are all of them refused (then little of the code behind the first check would be reached) nor few.
    assert all(count > CASES // 5 for count in ends.values())


def test_mutations_of_a_tokenizer_open_or_are_refused(folders):
    """Each is loaded in a process of its own."""
    ends = run(folders[:1], ["tokenizer.json"], 150)
    assert all(count > 3 for count in ends.values())


def test_mutations_of_codes_open_or_are_refused(tmp_path):
    """Of the patterns that say which module has which bits, and of the names and shapes of codes and scales."""
    from tests.qat_checkpoints import write_qat_pair

    ends = run([write_qat_pair("tiny_e2b", tmp_path, drafter=True)], ["config.json", SINGLE_NAME], 300)
    assert all(count > 300 // 20 for count in ends.values()), ends


@pytest.fixture(scope="module")
def adapter(folders, tmp_path_factory):
    """A small LoRA adapter with every key that says what the factors are multiplied by, and a whole tensor."""
    folder, target = tmp_path_factory.mktemp("adapter"), Checkpoint.open(folders[0][0])
    config = {
        "peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_rslora": True, "rank_pattern": {"up_proj": 1, "q.*j": 2},
        "alpha_pattern": {r"layers\.1\..*q_proj": 2.5}, "init_lora_weights": True, "use_dora": False, "bias": "none",
        "base_model_name_or_path": "org/base", "target_modules": ["q_proj"], "modules_to_save": ["input_layernorm"],
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    tensors = {"base_model.model.model.layers.0.input_layernorm.weight": np.ones(128, np.float32)}
    for module, rank in (("layers.0.self_attn.q_proj", 2), ("layers.1.mlp.up_proj", 1)):
        rows, columns = target.tensors.info(f"{target.prefix}{module}.weight").shape
        tensors[f"base_model.model.model.{module}.lora_A.weight"] = np.ones((rank, columns), np.float32)
        tensors[f"base_model.model.model.{module}.lora_B.weight"] = np.ones((rows, rank), np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def test_mutations_of_an_adapter_are_merged_or_refused(folders, adapter):
    draw, ends, cases = random.Random(1), {True: 0, False: 0}, 600
    for case in range(cases):
        path, change = draw.choice(sorted(adapter.iterdir())), draw.choice(CHANGES)
        raw = path.read_bytes()
        path.write_bytes(change(draw, raw) if path.suffix == ".json" else header(change, draw, raw))
        try:
            with limited():
                Checkpoint.open(folders[0][0], "target", adapter)
            ends[True] += 1
        except SlipstreamError as error:
            assert str(error).encode() and len(str(error)) < 10_000
            ends[False] += 1
        except BaseException as error:
            raise AssertionError(f"case {case}, {path.name}, {change.__name__}") from error
        finally:
            path.write_bytes(raw)
    assert all(count > cases // 20 for count in ends.values()), ends
