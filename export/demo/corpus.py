"""The training text: the Python standard library of the interpreter that runs this.

Two views of each file: as written, and as `ast.unparse` prints it without docstrings. The first teaches comments
and prose, the second plain code. Chat samples are functions and classes cut in two: the user shows the beginning,
the model writes the rest.
"""

import ast
import random
import re
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path

SKIPPED_FOLDERS = {
    "test", "tests", "idlelib", "lib2to3", "encodings", "pydoc_data", "turtledemo", "site-packages", "dist-packages",
}  # fmt: skip
HELD_OUT_EVERY, HELD_OUT_INDEX = 20, 7
LINE_START = re.compile(r"(?m)^ *[^\s]")
TOP_LEVEL_START = re.compile(r"(?m)^[^\s]")


@dataclass(frozen=True)
class Chat:
    """One user turn and the model's reply, both plain text."""

    user: str
    model: str


def standard_library() -> tuple[list[str], list[str]]:
    """Source files as (training, held-out) texts; every twentieth file is held out, by sorted path."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(p for p in root.rglob("*.py") if not SKIPPED_FOLDERS & set(p.relative_to(root).parts))
    texts = [p.read_text(encoding="utf-8", errors="ignore").expandtabs(8) for p in paths]
    texts = [t for t in texts if 400 < len(t) < 400_000]
    held_out = [t for i, t in enumerate(texts) if i % HELD_OUT_EVERY == HELD_OUT_INDEX]
    training = [t for i, t in enumerate(texts) if i % HELD_OUT_EVERY != HELD_OUT_INDEX]
    return training, held_out


def plain_code(text: str) -> str | None:
    """The file without comments and docstrings, in the one style of `ast.unparse`; None if it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
    code = ast.unparse(tree)
    return code if len(code) > 200 else None


def chats(texts: list[str], seed: int) -> list[Chat]:
    """One chat for every function or class of 3 to 30 lines and 80 to 1000 characters."""
    draw, found = random.Random(seed), []
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        lines = text.split("\n")
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                chat = _cut_in_two(lines, node, draw)
                if chat:
                    found.append(chat)
    return found


def _cut_in_two(lines: list[str], node: ast.FunctionDef | ast.ClassDef, draw: random.Random) -> Chat | None:
    block = textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno])).split("\n")
    if not 3 <= len(block) <= 30 or not 80 <= sum(map(len, block)) <= 1000:
        return None
    header = max(1, min(node.body[0].lineno - node.lineno, len(block) - 1))
    cut = header if draw.random() < 0.5 else draw.randint(header, max(header, int(0.6 * len(block))))
    cut = min(cut, len(block) - 1)
    instruction = draw.choice(["", "Complete:\n", "Complete this code:\n"])
    return Chat(instruction + "\n".join(block[:cut]), "\n".join(block[cut:]))
