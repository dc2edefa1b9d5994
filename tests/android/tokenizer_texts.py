"""Texts and token sequences, drawn from a seed, that take a tokenizer through all its rules; used by
test_tokenizer.py."""

import random
import string

MARKS = "\u0301\u0308\u20dd\u0e34\u094d\ufe0f\u200d\u200c"
SPACES = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2003\u2028\u202f\u3000\x1c\x1f\u200b\ufeff▁"
EMOJI = ("😀", "👩‍👩‍👧‍👦", "🇺🇳", "👍🏽", "❤️", "🏴\U000e0067\U000e0062\U000e007f")
CODE = (
    "def ",
    "return ",
    "self.",
    "():",
    "\n    ",
    "    ",
    " = ",
    "None",
    "#",
    '"""',
    "<div>",
    "&&",
    "wqrd",
    "nqw word",
)
BYTES = ("<0x0A>", "<0xE2>", "<0x+A>", "<0x", "0A>", "\x00", "\x7f", "\u0080", "\ufffd", "\uffff", "\U0010ffff")
# Either side of every boundary that UTF-8 has.
RUNS = (
    *("7f", "80", "bf", "c080", "c1bf", "c280", "dfbf", "e08080", "e09fbf", "e0a080", "ed9fbf", "eda080", "edbfbf"),
    *("ee8080", "f0808080", "f08fbfbf", "f0908080", "f48fbfbf", "f4908080", "f5808080", "fe", "ff", "e282", "f09f98"),
)
# Tokens that take white space along, beside each other and beside a token that is white space.
STRIPPED = (
    "<r>  <l>",
    "<r> \u2003<lr>",
    "<lr>\n\n\n<lr>",
    "a <l> <l>",
    "<r>\u2003\u2003x",
    "x\u2003\n\u2003<r>  \u2003",
)


def texts(count: int, tokens: list[str], pieces: list[str], seed: int) -> list[str]:
    """`count` texts; `tokens` are spelled out in them alone and glued to others, `pieces` joined at random."""
    draw = random.Random(seed)
    makers = (_characters, _ascii, _code, _spaces, _planes, _odd, _words)
    fixed = [
        "",
        " ",
        "  ",
        "▁",
        "\n",
        "a" * 3000,
        " " * 500,
        "ab" * 700,
        "é" * 300,
        "😀" * 200,
        "\n" * 100,
        *tokens,
        *STRIPPED,
    ]
    result = fixed[:count]
    while len(result) < count:
        size = draw.choice((1, 2, 3, 5, 8, 13, 30))
        kind = draw.randrange(len(makers) + 3)
        if kind < len(makers):
            text = makers[kind](draw, size)
        else:
            choices = [lambda: _spaced(draw, draw.choice(tokens)), lambda: draw.choice(pieces)]
            choices += [lambda make=make: make(draw, 1) for make in makers] if kind > len(makers) else []
            text = "".join(draw.choice(choices)() for _ in range(size))
        result.append(text)
    return result


def sequences(count: int, size: int, ids: list[int], byte_ids: list[int], seed: int) -> list[list[int]]:
    """`count` sequences of ids: any, bytes in runs, bytes of real characters cut anywhere, ids that nothing has."""
    draw = random.Random(seed)
    result = [[], [size], [size + 7, size * 2]]
    result += [[byte_ids[byte % len(byte_ids)] for byte in bytes.fromhex(run)] for run in RUNS]
    while len(result) < count:
        sequence = []
        for _ in range(draw.choice((1, 2, 4, 9, 20))):
            kind = draw.randrange(6)
            if kind <= 1:
                sequence += [draw.choice(ids) for _ in range(draw.randrange(4))]
            elif kind == 2:
                sequence += [draw.choice(byte_ids) for _ in range(draw.randrange(5))]
            elif kind <= 4:
                encoded = chr(_code_point(draw)).encode()
                run = [byte_ids[byte % len(byte_ids)] for byte in encoded]
                sequence += run[: draw.randrange(1, 5)] if kind == 3 else run
            else:
                sequence.append(draw.randrange(size + 10))
        result.append(sequence)
    return result


def _spaced(draw: random.Random, token: str) -> str:
    before, behind = (draw.choice(("", "", " ", "  ", "\n", "\u3000")) for _ in range(2))
    return before + token + behind


def _code_point(draw: random.Random) -> int:
    while True:
        top = draw.choice((0x7F, 0xFF, 0x7FF, 0x2FFF, 0xFFFF, 0x1FFFF, 0x10FFFF))
        code = draw.randrange(top + 1)
        if not 0xD800 <= code < 0xE000:
            return code


def _characters(draw: random.Random, size: int) -> str:
    return "".join(chr(_code_point(draw)) for _ in range(size))


def _ascii(draw: random.Random, size: int) -> str:
    return "".join(draw.choice(string.printable) for _ in range(size))


def _code(draw: random.Random, size: int) -> str:
    return "".join(draw.choice(CODE) for _ in range(size))


def _spaces(draw: random.Random, size: int) -> str:
    return "".join(draw.choice(SPACES) * draw.choice((1, 1, 2, 5)) for _ in range(size))


def _planes(draw: random.Random, size: int) -> str:
    return "".join(draw.choice(EMOJI) if draw.random() < 0.5 else draw.choice("éa日本ß") for _ in range(size))


def _odd(draw: random.Random, size: int) -> str:
    return "".join(draw.choice(BYTES) + draw.choice(("", draw.choice(MARKS))) for _ in range(size))


def _words(draw: random.Random, size: int) -> str:
    return "".join(draw.choice("abé▁😀 ") for _ in range(size * 3))
