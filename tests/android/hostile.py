"""Bundles that somebody else made: every digest is right, and what lies under it is not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random

from export.bundle.sections import build_header
from runtime_spec.bundle.contents import CHOICES
from runtime_spec.bundle.digests import SectionDigest
from runtime_spec.bundle.header import read_header
from runtime_spec.bundle.manifest import ALIGNMENT
from tests.android.damaged import resealed

Contents = dict[str, bytes]
Change = Callable[[Contents, dict], object]


class Whole:
    """A bundle taken apart, to be sealed again with other contents."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        sections = read_header(data[:ALIGNMENT], len(data), "test")
        self.contents = {s.name: data[s.begin : s.end] for s in sections if s.name != "manifest"}
        self.manifest = data[sections[-1].begin : sections[-1].end]

    def changed(self, change: Change) -> bytes:
        """The bundle after `change` of its contents by section and of its manifest's values, every digest right."""
        contents, manifest = dict(self.contents), json.loads(self.manifest)
        known = {entry["name"]: entry for entry in manifest["sections"]}
        change(contents, manifest)
        ranges, body, entries = {}, b"", []
        for name, data in contents.items():
            body += bytes(-len(body) % ALIGNMENT)
            begin = ALIGNMENT + len(body)
            ranges[name] = begin, begin + len(data)
            body += data
            entries.append(_entry(name, begin, data, self.contents.get(name), known.get(name)))
        body += bytes(-len(body) % ALIGNMENT)
        manifest |= {"sections": entries, "shared_weights": []}
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        begin = ALIGNMENT + len(body)
        ranges["manifest"] = begin, begin + len(text)
        return resealed(build_header(ranges) + body + text)


def _entry(name: str, begin: int, data: bytes, old: bytes | None, known: dict | None) -> dict:
    """Digests are of a section's bytes alone: those of one that only moved are known."""
    end = begin + len(data)
    if known and data == old:
        return known | {"begin": begin, "end": end}
    digest = SectionDigest(begin, end)
    digest.feed_whole(memoryview(data))
    digest.feed_blocks(memoryview(data))
    sha256, blocks = digest.result()
    return {"name": name, "begin": begin, "end": end, "sha256": sha256, "blocks": asdict(blocks)}


def _without(name: str) -> Change:
    return lambda contents, manifest: contents.pop(name)


def _swapped(name: str, other: str) -> Change:
    return lambda contents, manifest: contents.update({name: contents[other], other: contents[name]})


def _copied(name: str, other: str) -> Change:
    return lambda contents, manifest: contents.update({name: contents[other]})


def _set(path: str, value: object) -> Change:
    def change(contents: Contents, manifest: dict) -> None:
        *parents, last = path.split(".")
        node = manifest
        for name in parents:
            node = node[name]
        node[last] = value(node[last]) if callable(value) else value

    return change


def _traces(texts: dict[str, str]) -> Change:
    packed = b"".join(
        json.dumps({"bytes": len(text.encode()), "trace": name}, separators=(",", ":")).encode() + b"\n" + text.encode()
        for name, text in texts.items()
    )
    return lambda contents, manifest: contents.update(traces=packed)


def _first_prompt_token(value: int) -> Change:
    """Of the traces as they are: their sizes stand before them, so that the digits must stay as many."""

    def change(contents: Contents, manifest: dict) -> None:
        text = contents["traces"]
        at = text.index(b'"prompt_tokens":[') + len(b'"prompt_tokens":[')
        end = min(text.index(b",", at), text.index(b"]", at))
        digits = str(value).encode()
        size_at = text.index(b'{"bytes":') + len(b'{"bytes":')
        size_end = text.index(b",", size_at)
        size = int(text[size_at:size_end]) + len(digits) - (end - at)
        contents["traces"] = text[:size_at] + str(size).encode() + text[size_end:at] + digits + text[end:]

    return change


def refused() -> dict[str, Change]:
    """Changes whose bundle no runtime may open, or verify, by name."""
    decode, draft = "signatures.main.decode", "signatures.drafter.mtp_drafter"
    return {
        "no main": _without("main"),
        "no embedder": _without("embedder"),
        "no per-layer embedder": _without("per_layer_embedder"),
        "no drafter": _without("drafter"),
        "no tokenizer": _without("tokenizer"),
        "no traces": _without("traces"),
        "main is the drafter": _copied("main", "drafter"),
        "main is the embedder": _copied("main", "embedder"),
        "embedder is the per-layer embedder": _copied("embedder", "per_layer_embedder"),
        "per-layer embedder is the embedder": _copied("per_layer_embedder", "embedder"),
        "embedders swapped": _swapped("embedder", "per_layer_embedder"),
        "main and drafter swapped": _swapped("main", "drafter"),
        "drafter is the embedder": _copied("drafter", "embedder"),
        "main is text": lambda contents, manifest: contents.update(main=b"no graph at all " * 4096),
        "main is empty": lambda contents, manifest: contents.update(main=b""),
        "drafter is cut": lambda contents, manifest: contents.update(drafter=contents["drafter"][:5000]),
        "context of a token": _set("context_length", 1),
        "context of a slot less": _set("context_length", lambda value: value - 1),
        "context without end": _set("context_length", 2**31 - 1),
        "another vocabulary": _set("config.vocab_size", lambda value: value + 1),
        "another hidden size": _set("config.hidden_size", 2**31 - 1),
        "no per-layer size": _set("config.per_layer_size", 0),
        "another per-layer size": _set("config.per_layer_size", 17),
        "another dtype": _set(f"{decode}.inputs.mask.dtype", "float16"),
        "a huge mask": _set(f"{decode}.inputs.mask.shape", [2**31 - 1] * 8),
        "another order of dimensions": _set(f"{decode}.inputs.mask.shape", lambda value: value[::-1]),
        "a cache of other heads": _set(f"{decode}.inputs.kv_cache_k_0.shape", lambda v: [*v[:3], v[3] * 2]),
        "no logits": _set(f"{decode}.outputs", {}),
        "choices of another length": _set(f"{decode}.outputs.target_tokens.shape", [2]),
        "choices of more logits": _set(f"{decode}.outputs.largest_logits.shape", [1, 8]),
        "a decode that chooses nothing": _without_choices,
        "choices without their logits": lambda c, m: m["signatures"]["main"]["decode"]["outputs"].pop("largest_logits"),
        "an input more": _more(decode),
        "a drafter of another context": _set(f"{draft}.inputs.mask.shape", [1, 1, 1, 64]),
        "a draft of another length": _set("signatures.drafter.draft_3.outputs.draft_tokens.shape", [5]),
        "drafts of other logits": _set("signatures.drafter.draft_3.outputs.largest_logits.shape", [3, 7]),
        "drafts of a width less": lambda contents, manifest: manifest["signatures"]["drafter"].pop("draft_7"),
        "a signature more": lambda c, m: m["signatures"]["main"].update(more=m["signatures"]["main"]["decode"]),
        "a prefill more": _prefill_more,
        "a width more": _width_more,
        "no signatures of the embedder": _set("signatures.embedder", {}),
        "no trace": _traces({}),
        "an empty trace": _traces({"plain": ""}),
        "a nested trace": _traces({"plain": "[" * 100_000}),
        "a trace token past the vocabulary": _first_prompt_token(2048),
        "a trace token past any": _first_prompt_token(2**31 - 1),
    }


def _without_choices(contents: Contents, manifest: dict) -> None:
    for name in CHOICES:
        manifest["signatures"]["main"]["decode"]["outputs"].pop(name)


def _more(signature: str) -> Change:
    def change(contents: Contents, manifest: dict) -> None:
        _set(f"{signature}.inputs", lambda found: found | {"more": {"dtype": "float32", "shape": [1]}})(
            contents, manifest
        )

    return change


def _prefill_more(contents: Contents, manifest: dict) -> None:
    manifest["prefill_lengths"] = sorted([*manifest["prefill_lengths"], 64])
    manifest["signatures"]["main"]["prefill_64"] = manifest["signatures"]["main"]["prefill_32"]


def _width_more(contents: Contents, manifest: dict) -> None:
    manifest["verify_widths"] = sorted([*manifest["verify_widths"], 9])
    manifest["signatures"]["main"]["verify_9"] = manifest["signatures"]["main"]["verify_8"]


def mutations(whole: Whole, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Drawn damage: bytes of the header, values of the manifest, sections swapped, cut, grown or gone; sealed anew."""
    draw = Random(seed)
    untouched = whole.changed(lambda contents, manifest: None)
    end = int.from_bytes(untouched[24:32], "little")
    for number in range(count):
        kind = draw.randrange(3)
        if kind == 0:
            header = bytearray(untouched[:end])
            for _ in range(draw.randrange(1, 4)):
                header[draw.randrange(24, end)] = draw.randrange(256)
            yield f"{number} header", resealed(bytes(header) + untouched[end:])
        elif kind == 1:
            yield f"{number} value", whole.changed(lambda contents, manifest: _mutate_value(draw, manifest))
        else:
            yield f"{number} sections", whole.changed(lambda contents, manifest: _mutate_sections(draw, contents))


def _mutate_value(draw: Random, manifest: dict) -> None:
    node, key = manifest, draw.choice([key for key in manifest if "sha256" not in key and "sums" not in key])
    while isinstance(node[key], dict | list) and node[key] and draw.random() < 0.9:
        node = node[key]
        key = draw.choice(list(node)) if isinstance(node, dict) else draw.randrange(len(node))
    extremes = [0, 1, -1, 7, 2**31 - 1, 2**31, 2**63, None, True, "", "x" * 5000, [], {}, [1, 2, 3], 0.5, 1e300]
    if isinstance(node[key], int) and draw.random() < 0.5:
        node[key] += draw.choice([-1, 1, 2, node[key]])
    else:
        node[key] = draw.choice(extremes)


def _mutate_sections(draw: Random, contents: Contents) -> None:
    name, other = draw.choice(list(contents)), draw.choice(list(contents))
    data = contents[name]
    match draw.randrange(5):
        case 0:
            contents[name], contents[other] = contents[other], data
        case 1:
            contents[name] = data[: draw.randrange(len(data))]
        case 2:
            contents[name] = data + draw.randbytes(draw.randrange(1, 5000))
        case 3:
            contents[name] = data[draw.randrange(len(data)) :]
        case 4:
            del contents[name]
