"""Renders chat templates in a process of its own: `python -I export/chat/sandbox.py` with a JSON request on stdin.

A template is code from whoever made the checkpoint. Jinja's sandbox keeps it from Python's internals; limits of this
process keep it from eating the machine. The parent ends it after a time limit. Imports nothing of the project.

Request: {"template", "variables": {...}, "renders": [{...}], "max_characters"}: each render's own
variables (messages, add_generation_prompt, tools) go before those of all.
Reply: {"error": {"kind", "message"}} or {"renders": [{"text"} or {"error"}]}; kind: refused, raised, syntax, failed.
"""

import json
import sys
from contextlib import suppress

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace

MEMORY_BYTES = 512 * 2**20
DATE_MARK = "\ue000date of the day\ue000"


class RaisedByTemplate(Exception):
    """The template called raise_exception."""


class SafeNamespace(Namespace):
    """`namespace(...)` that refuses names with a leading underscore."""

    def __init__(*args, **kwargs):
        for name in kwargs:
            _refuse_private(name)
        Namespace.__init__(*args, **kwargs)

    def __setitem__(self, name, value):
        _refuse_private(name)
        Namespace.__setitem__(self, name, value)


def _refuse_private(name):
    if str(name).startswith("_"):
        raise SecurityError(f"private name {name!r}")


class Environment(ImmutableSandboxedEnvironment):
    """Refuses an unsafe attribute when it is named, not only when it is used."""

    def unsafe_undefined(self, obj, attribute):
        raise SecurityError(f"attribute {attribute!r} of {type(obj).__name__!r}")


class GenerationBlock(Extension):
    """Transformers' `{% generation %}` block, which marks model text for training: rendered as its body."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def _raise_exception(message):
    raise RaisedByTemplate(str(message))


def _tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse_file(name):
    raise SecurityError(f"another template, {name!r}")


def _environment():
    """What Transformers offers to a template, less what only serves to escape."""
    options = {"trim_blocks": True, "lstrip_blocks": True, "extensions": [GenerationBlock, loopcontrols]}
    environment = Environment(loader=jinja2.FunctionLoader(_refuse_file), **options)
    for name in ("lipsum", "cycler", "joiner"):
        environment.globals.pop(name, None)
    environment.globals["namespace"] = SafeNamespace
    environment.globals["dict"] = lambda *pairs, **items: dict(*pairs, **items)
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda form: DATE_MARK
    environment.filters["tojson"] = _tojson
    return environment


def _render(template, variables, conversation, max_characters):
    pieces, length = [], 0
    for piece in template.generate(**{**variables, **conversation}):
        pieces.append(piece)
        length += len(piece)
        if length > max_characters:
            raise ValueError(f"more characters of output than are left: {max_characters}")
    return "".join(pieces)


def _error(error):
    if isinstance(error, SecurityError):
        kind = "refused"
    elif isinstance(error, RaisedByTemplate):
        kind = "raised"
    else:
        kind = "syntax" if isinstance(error, jinja2.TemplateSyntaxError) else "failed"
    message = f"{type(error).__name__}: {error}"[:500]
    return {"kind": kind, "message": message.encode("utf-8", "backslashreplace").decode()}


def _limit():
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _answer(request):
    try:
        template = _environment().from_string(request["template"])
    except Exception as error:
        return {"error": _error(error)}
    renders, left = [], request["max_characters"]
    for conversation in request["renders"]:
        try:
            text = _render(template, request["variables"], conversation, left)
            left -= len(text)
            renders.append({"text": text})
        except Exception as error:  # whatever a template can raise is an answer, not a crash
            renders.append({"error": _error(error)})
            if renders[-1]["error"]["kind"] in ("refused", "failed"):
                break
    return {"renders": renders}


if __name__ == "__main__":
    _limit()
    json.dump(_answer(json.load(sys.stdin)), sys.stdout)
