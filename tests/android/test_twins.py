"""The loop is written twice by hand: both have the same functions, in the same order, with the same parameters and
the same numbered steps."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KOTLIN = ROOT / "android_app/decode/src/main/kotlin/dev/slipstream"
TWINS = {
    "decode_loop": "decode/DecodeLoop.kt",
    "accept": "decode/Accept.kt",
    "plan": "decode/Plan.kt",
    "session": "decode/Session.kt",
    "record": "trace/Record.kt",
}

Shape = list[tuple[str, list[str]]]


def camel(name: str) -> str:
    head, *rest = name.lstrip("_").split("_")
    return head + "".join(word.capitalize() for word in rest)


def python_shape(source: str) -> Shape:
    """(name, parameters) of functions and methods in order; properties are values in Kotlin and left out."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__" and not node.decorator_list:
            parameters = [argument.arg for argument in node.args.args if argument.arg != "self"]
            found.append((node.lineno, camel(node.name), [camel(name) for name in parameters]))
    return [(name, parameters) for _, name, parameters in sorted(found)]


def kotlin_shape(source: str) -> Shape:
    functions = re.finditer(
        r"^ *(?:public |internal |private )?fun (\w+)\((.*?)\)(?: *:| *\{| *=)", source, re.MULTILINE | re.DOTALL
    )
    return [(match[1], re.findall(r"(?:^|,)\s*(\w+):", match[2])) for match in functions]


def steps(source: str) -> list[str]:
    return re.findall(r"^\s*(?:#|//) (\d+\. .*)$", source, re.MULTILINE)


def sources(name: str) -> tuple[str, str]:
    python = (ROOT / "runtime_spec/reference" / f"{name}.py").read_text(encoding="utf-8")
    return python, (KOTLIN / TWINS[name]).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_functions_and_parameters(name):
    python, kotlin = sources(name)
    # Values in Kotlin.
    expected = [function for function in python_shape(python) if function[0] not in ("never", "unwatched")]
    assert kotlin_shape(kotlin) == expected


def test_twins_number_the_same_steps():
    python, kotlin = sources("decode_loop")
    assert len(steps(python)) == 12
    assert steps(kotlin) == steps(python)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("targetTokens: IntList,\n    target: Target", "target: Target,\n    targetTokens: IntList"),
        ("internal fun cut(", "internal fun shorten("),
        ("    drafter: Drafter?,\n    config: DecodeConfig,\n    cancelled: () -> Boolean,\n): Round {", ") {"),
        ("// 5. commit: the", "// 5. keep: the"),
        ("    // 7. stop\n", ""),
    ],
)
def test_a_twin_that_drifts_is_noticed(right, wrong):
    python, kotlin = sources("decode_loop")
    assert kotlin.count(right) >= 1
    changed = kotlin.replace(right, wrong, 1)
    assert (kotlin_shape(changed), steps(changed)) != (python_shape(python), steps(python))
