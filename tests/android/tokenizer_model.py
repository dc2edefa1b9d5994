"""The rules of a runtime's tokenizer as plain, slow Python, with faults that can be planted.

Without a fault it must agree with the `tokenizers` library; with one it must not: then the cases of test_tokenizer.py
would tell a runtime with that fault. Only what the variants need.
"""

import itertools
import re
import unicodedata

SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
BYTE = re.compile(r"<0x(\+?[0-9a-fA-F]|[0-9a-fA-F]{2})>")
FAULTS = (
    "tie to the right",
    "longest before rank",
    "first rank of a repeated pair",
    "whole words merged",
    "unknowns in place",
    "unknowns always fused",
    "shortest added token",
    "first added token of the file",
    "left strip left out",
    "right strip left out",
    "single word anywhere",
    "normalised tokens in the raw text",
    "▁ not written",
    "prepended once",
    "words not cut",
    "one U+FFFD a run",
    "U+FFFD where UTF-8 breaks",
    "runs end at tokens without text",
    "strip of every token",
    "special by id",
)


class Model:
    """A tokenizer.json, and the name of the fault it is read with."""

    def __init__(self, value: dict, fault: str | None = None):
        self.value, self.fault, self.model = value, fault, value["model"]
        self.vocab = self.model["vocab"]
        merges = [m.split(" ") if isinstance(m, str) else m for m in self.model["merges"]]
        self.ranks = {}
        for rank, (left, right) in enumerate(m for m in merges if not m[0].startswith("#version")):
            pair = self.vocab[left], self.vocab[right]
            if fault != "first rank of a repeated pair" or pair not in self.ranks:
                self.ranks[pair] = rank, self.vocab[left + right]
        self.texts = {index: piece for piece, index in self.vocab.items()}
        self.patterns = {False: [], True: []}
        for token in value["added_tokens"]:
            normalized = token["normalized"]
            text = self._normalize(token["content"]) if normalized else token["content"]
            if fault == "normalised tokens in the raw text":
                normalized = False
            self.patterns[normalized].append((text, token))
            self.texts[token["id"]] = text
        self.special = {token["content"] for token in value["added_tokens"] if token["special"]}

    def encode(self, text: str) -> list[int]:
        ids, self.first = [], True
        for raw, token in self._split(text, False):
            if token is not None:
                ids.append(token)
                continue
            for part, inner in self._split(self._normalize(raw), True):
                ids += [i for word in self._words(part) for i in self._merge(word)] if inner is None else [inner]
        return ids

    def decode(self, ids: list[int], skip: bool) -> str:
        chain = self.value["decoder"]
        chain = chain["decoders"] if chain["type"] == "Sequence" else [chain]
        special = {t["id"] for t in self.value["added_tokens"] if t["special"]}
        texts = []
        for index in ids:
            text = self.texts.get(index)
            hidden = index in special if self.fault == "special by id" else text in self.special
            if text is not None and not (skip and hidden):
                texts.append(text)
            elif self.fault == "runs end at tokens without text":
                texts.append("")
        if self.fault == "strip of every token":
            chain = sorted(chain, key=lambda step: step["type"] == "Fuse")
        for step in chain:
            if step["type"] == "Replace":
                texts = [text.replace(step["pattern"]["String"], step["content"]) for text in texts]
            elif step["type"] == "Strip":
                texts = [re.sub(f"^{step['content']}{{0,{step['start']}}}", "", text) for text in texts]
            elif step["type"] == "ByteFallback":
                texts = self._bytes(texts)
            else:
                texts = ["".join(texts)]
        return "".join(texts)

    def _split(self, text: str, normalized: bool) -> list[tuple[str, int | None]]:
        """(stretch, None) and (token's text, id); a token that takes white space along leaves less of it."""
        parts, done, at = [], 0, 0
        while at < len(text):
            here = [(len(p), -i, t) for i, (p, t) in enumerate(self.patterns[normalized]) if text.startswith(p, at)]
            if not here:
                at += 1
                continue
            order = {"shortest added token": lambda m: (-m[0], m[1]), "first added token of the file": lambda m: m[1]}
            length, _, token = max(here, key=order.get(self.fault, lambda m: m[:2]))
            begin, at = at, at + length
            beside = text[begin - 1 : begin] + text[at : at + 1]
            if token["single_word"] and self.fault != "single word anywhere" and any(map(_is_word, beside)):
                continue
            start, stop = begin, at
            if token["lstrip"] and self.fault != "left strip left out":
                start = max(begin - len(re.search(f"[{SPACE}]*$", text[:begin])[0]), done)
            if token["rstrip"] and self.fault != "right strip left out":
                stop += len(re.match(f"[{SPACE}]*", text[at:])[0])
            parts += [(text[done:start], None)] if done < start else []
            parts += [(text[start:stop], token["id"])] if start < stop else []
            done = stop
        return parts + ([(text[done:], None)] if done != len(text) else [])

    def _normalize(self, text: str) -> str:
        steps = self.value["normalizer"] or {"normalizers": []}
        for step in steps.get("normalizers", [steps]):
            if step["type"] == "Replace" and self.fault != "▁ not written":
                text = text.replace(step["pattern"]["String"], step["content"])
            elif (
                step["type"] == "Prepend" and text and (self.fault != "prepended once" or getattr(self, "first", True))
            ):
                text, self.first = step["prepend"] + text, False
        return text

    def _words(self, text: str) -> list[str]:
        split = self.value["pre_tokenizer"]
        if split is None or self.fault == "words not cut":
            return [text]
        mark = re.escape(split["pattern"]["String"])
        return re.findall(f"(?s).*?{mark}|.+$", text)

    def _merge(self, word: str) -> list[int]:
        if self.model.get("ignore_merges") and word in self.vocab and self.fault != "whole words merged":
            return [self.vocab[word]]
        symbols = self._characters(word)
        while True:
            found = [(*self.ranks[pair], i) for i, pair in enumerate(itertools.pairwise(symbols)) if pair in self.ranks]
            if not found:
                return symbols
            orders = {
                "tie to the right": lambda m: (m[0], -m[2]),
                "longest before rank": lambda m: (-len(self.texts[m[1]]), m[0], m[2]),
            }
            _, joined, at = min(found, key=orders.get(self.fault, lambda m: (m[0], m[2])))
            symbols[at : at + 2] = [joined]

    def _characters(self, word: str) -> list[int]:
        symbols, waiting = [], []
        for character in word:
            names = [f"<0x{byte:02X}>" for byte in character.encode()]
            if character in self.vocab:
                symbols += [*waiting, self.vocab[character]]
                waiting = []
            elif self.model["byte_fallback"] and all(name in self.vocab for name in names):
                if self.fault == "unknowns in place":
                    symbols, waiting = symbols + waiting, []
                symbols += [self.vocab[name] for name in names]
            elif self.model["unk_token"] is not None:
                if not (self.model["fuse_unk"] or self.fault == "unknowns always fused"):
                    symbols += waiting
                waiting = [self.vocab[self.model["unk_token"]]]
        return symbols + waiting

    def _bytes(self, texts: list[str]) -> list[str]:
        result, run = [], b""
        for text in [*texts, None]:
            byte = BYTE.fullmatch(text) if text is not None and len(text) == 6 else None
            if byte:
                run += bytes([int(byte[1], 16)])
                continue
            try:
                result.append(run.decode())
            except UnicodeDecodeError:
                count = 1 if self.fault == "one U+FFFD a run" else len(run)
                lossy = self.fault == "U+FFFD where UTF-8 breaks"
                result.append(run.decode(errors="replace") if lossy else "\ufffd" * count)
            result.append(text or "")
            run = b""
        return result


def _is_word(character: str) -> bool:
    return bool(re.match(r"\w", character)) or unicodedata.category(character)[0] == "M" or character in "\u200c\u200d"
