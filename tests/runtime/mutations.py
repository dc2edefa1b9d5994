"""Mutated bundles, drawn by number, through inspect, verify and generate in this one process.

`python -m tests.runtime.mutations FOLDER FIRST COUNT [BUNDLE]` prints a JSON line per case: how each verb ended. FOLDER
is for the bundles; BUNDLE, by default a tiny one, is what they are made of.
"""

import faulthandler
import io
import json
import random
import resource
import signal
import sys
import tempfile
import zlib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from export.bundle.sections import pack_tokenizer
from export.cli.main import main
from runtime_spec.bundle.reader import unpack_tokenizer
from runtime_spec.errors import PackingError
from runtime_spec.litert import packed_weights
from tests.sealed import opened_sections, seal_bundle, tiny_manifest, tiny_sections

SECONDS, WAITED = 20, 300
"""What a case may take of the processor, and with all that the machine does beside it; alone it takes 30 ms."""
MODELS = ("main", "embedder", "per_layer_embedder", "drafter")
ODD = (
    None,
    True,
    -1,
    0,
    1,
    2**31 - 1,
    2**31,
    2**63,
    10**30,
    0.5,
    1e300,
    "",
    "x",
    "\u2028",
    [],
    [[]],
    {},
    {"x": 1},
    [-1],
)
NUMBERS = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)


class Case:
    """One mutated bundle: `sections` and the manifest's `values` are sealed, then `data` may change the file."""

    def __init__(self, number: int, source: Path):
        self.draw, self.source = random.Random(number), source
        self.sections, self.values = opened_sections(source)

    def write(self, path: Path) -> str:
        """Writes the bundle; the kind of mutation."""
        kind = self.draw.choices([one for one, _ in KINDS], [weight for _, weight in KINDS])[0]
        data = kind(self)
        if data is None:
            try:
                seal_bundle(path, self.sections, self.values)
            except (KeyError, ValueError, TypeError):  # what the container itself can't express
                data = self.source.read_bytes()[: self.draw.randrange(200_000)]
        if data is not None:
            path.write_bytes(data)
        return kind.__name__


def flip(draw: random.Random, data: bytes, count: int = 8) -> bytes:
    """Up to `count` changes: a bit, a byte, a number of two or four bytes, a stretch cut, doubled or made zero."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, count)):
        if not changed:
            break
        at, kind = draw.randrange(len(changed)), draw.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[at] = draw.randrange(256)
        elif kind in (2, 3):
            size, at = 2 * kind - 2, at // 4 * 4
            changed[at : at + size] = (draw.choice(NUMBERS) % (1 << 8 * size)).to_bytes(size, "little")
        else:
            end = min(len(changed), at + draw.choice((1, 4, 16, 256)))
            changed[at:end] = bytes(end - at) if kind == 4 else changed[at:end][::-1]
    return bytes(changed)


def bytes_of_the_file(case: Case) -> bytes:
    return flip(case.draw, case.source.read_bytes())


def header_fields(case: Case) -> bytes:
    data = case.source.read_bytes()
    return flip(case.draw, data[:1200]) + data[1200:]


def a_length(case: Case) -> bytes:
    data = case.source.read_bytes()
    return data[: case.draw.randrange(len(data))] if case.draw.random() < 0.7 else data + case.draw.randbytes(5000)


def manifest_values(case: Case) -> None:
    for _ in range(case.draw.randint(1, 2)):
        _change(case.draw, case.values)


def _change(draw: random.Random, root: object) -> None:
    """Another value, a missing or an unknown key somewhere in JSON."""
    node = root
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and draw.random() < 0.8:
            node = node[key]
            continue
        kind = draw.randrange(5)
        if kind == 0:
            del node[key]
        elif kind == 1 and isinstance(node, dict):
            node[draw.choice(["x", "", "\u2028", "k" * 1000])] = node[key]
        elif kind == 2 and type(node[key]) is int:
            node[key] += draw.choice([-1, 1, 8, -8])
        elif kind == 3 and isinstance(node[key], str):
            node[key] = node[key] * draw.choice([0, 2, 1000]) + draw.choice(["", "x", "\n", "日本"])
        else:
            node[key] = draw.choice(ODD)
        return


def sections_changed(case: Case) -> None:
    """Swapped, cut, emptied, gone, or replaced by random bytes or by each other."""
    draw, sections = case.draw, case.sections
    name, other = draw.sample(sorted(sections), 2)
    kind = draw.randrange(6)
    if kind == 0:
        sections[name], sections[other] = sections[other], sections[name]
    elif kind == 1:
        sections[name] = sections[name][: draw.randrange(len(sections[name]) + 1)]
    elif kind == 2:
        sections[name] = b""
    elif kind == 3:
        del sections[name]
    elif kind == 4:
        sections[name] = draw.randbytes(draw.choice((1, 100, 20_000)))
    else:
        sections[name] = sections[other]


def tokenizer(case: Case) -> None:
    draw, section = case.draw, case.sections["tokenizer"]
    content = unpack_tokenizer(memoryview(section), "here")
    if draw.random() < 0.6:
        values = json.loads(content)
        for _ in range(draw.randint(1, 3)):
            part = draw.choice([values, values["model"], values.get("normalizer"), values.get("decoder")])
            _change(draw, part if isinstance(part, dict | list) else values)
        case.sections["tokenizer"] = pack_tokenizer(json.dumps(values).encode())
    elif draw.random() < 0.7:
        case.sections["tokenizer"] = pack_tokenizer(flip(draw, content))
    else:
        changed = flip(draw, section)
        stated = draw.choice([changed[:8], (2**40).to_bytes(8, "little"), len(content).to_bytes(8, "little")])
        case.sections["tokenizer"] = stated + draw.choice([changed[8:], zlib.compress(bytes(10 << 20))])


def traces(case: Case) -> None:
    draw, lines = case.draw, case.sections["traces"].split(b"\n")
    kind, at = draw.randrange(4), draw.randrange(1, len(lines) - 1)
    if kind == 0:
        case.sections["traces"] = flip(draw, case.sections["traces"], 3)
        return
    if kind == 1:
        lines[at] = draw.choice([b"[" * 100_000, b"{}", b"", b'{"a":' * 10_000, b"9" * 5000, lines[at] * 2])
    elif kind == 2:
        del lines[at]
    else:
        values = json.loads(lines[at])
        _change(draw, values)
        lines[at] = json.dumps(values).encode()
    text = b"\n".join(lines[1:])
    case.sections["traces"] = json.dumps({"bytes": len(text), "trace": "x"}).encode() + b"\n" + text


def graph_bytes(case: Case) -> None:
    """Of a model's flatbuffer, in its tables more often than in its weights."""
    draw = case.draw
    name = draw.choice([name for name in MODELS if name in case.sections])
    content = case.sections[name]
    if draw.random() < 0.3:
        case.sections[name] = flip(draw, content)
        return
    size = min(len(content), 4096)
    at = draw.choice((0, max(0, len(content) - size), draw.randrange(len(content) - size + 1)))
    case.sections[name] = content[:at] + flip(draw, content[at : at + size]) + content[at + size :]


KINDS = [
    (bytes_of_the_file, 15), (header_fields, 10), (a_length, 4), (manifest_values, 20), (sections_changed, 15),
    (tokenizer, 15), (traces, 15), (graph_bytes, 30),
]  # fmt: skip
ONLY_GRAPHS = [(graph_bytes, 1)]


def ended(*arguments: str) -> str:
    """How a verb ended: its exit code, or the exception that it let through."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return str(main(list(arguments)))
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]


def not_packed(*_: object) -> None:
    """In place of packing in a process of its own, which takes a third of a second."""
    raise PackingError("", expected="", found="not in this test", where="", action="")


def run_cases(folder: Path, first: int, count: int, source: Path) -> None:
    path = folder / "mutated.litertlm"
    for number in range(first, first + count):
        # Said before it is tried: a case that ends the process is the last one named.
        print(json.dumps({"case": number}), flush=True)
        faulthandler.dump_traceback_later(WAITED, exit=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # unhandled, its signal ends the process
        kind = Case(number, source).write(path)
        more = ["--prompt", "the cat", "--max-new-tokens", "6", *(["--chat"] if number % 2 else [])]
        found = [ended("inspect", str(path)), ended("verify", str(path)), ended("generate", str(path), *more)]
        faulthandler.cancel_dump_traceback_later()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        print(json.dumps({"case": number, "kind": kind, "ended": found, "peak": peak}), flush=True)


def tiny(folder: Path) -> Path:
    made = tiny_manifest()
    return seal_bundle(folder / "tiny.litertlm", tiny_sections(made), made)


if __name__ == "__main__":
    here = Path(sys.argv[1])
    packed_weights.pack_sections = not_packed
    if len(sys.argv) > 4:
        KINDS[:] = ONLY_GRAPHS
    with tempfile.TemporaryDirectory(dir=here) as made_in:
        source = Path(sys.argv[4]) if len(sys.argv) > 4 else tiny(Path(made_in))
        run_cases(Path(made_in), int(sys.argv[2]), int(sys.argv[3]), source)
