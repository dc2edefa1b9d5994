"""What an export is made from, by name: the identity of results in a work folder.

Two runs whose origins are equal make the same bytes.
"""

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from export.checkpoint.checkpoint import Checkpoint
from export.plan import Plan
from runtime_spec.reference import trace

CODE = ("bundle", "checkpoint", "graphs", "modules", "weights")
"""Folders whose code decides what bytes the models are; beside them floats.py does."""
TOOLS = ("torch", "litert-torch", "litert-converter")


def models_origin(plan: Plan) -> dict[str, str]:
    """Of the models' sections, metadata and tokenizer among them."""
    device, chat = plan.device, plan.chat
    rules = [plan.recipe.keep_codes, [asdict(rule) for rule in plan.recipe.rules]]
    return {
        "target": _named(plan.target),
        "drafter": _named(plan.drafter) if plan.drafter else "none",
        "recipe": f"{plan.recipe.name} {_digest(rules)}",
        "context": str(plan.capacity),
        "draft_tokens": str(plan.draft_tokens),
        "prefill_lengths": _numbers(device.prefill_lengths),
        "verify_widths": _numbers(plan.verify_widths),
        "chat_template": "none" if chat is None else _digest([asdict(chat.format), asdict(chat.engine)]),
        "sampling": str(plan.sampling),
        "licenses": str(plan.licenses),
        "version": _code(),
    }


def evidence_origin(plan: Plan) -> dict[str, str]:
    """Of check, traces and speed: the models', the prompts, the margin up to which a trace may fork, and the form that
    traces are written in."""
    prompts = _digest([plan.prompts.plain, plan.prompts.chats])
    margin = str(plan.recipe.tolerances.near_tie_margin)
    return models_origin(plan) | {
        "prompts": f"{plan.prompts.source} {prompts}",
        "near_tie_margin": margin,
        "traces": f"version {trace.VERSION}",
    }


def _named(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.id} {checkpoint.fingerprint()[:32]}" + "".join(
        f" {located.revision}" for located in checkpoint.sources if located.revision
    )


def _numbers(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values)) or "none"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _code() -> str:
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in [here / "floats.py", *(path for folder in CODE for path in sorted((here / folder).glob("*.py")))]:
        digest.update(path.read_bytes())
    return " ".join(f"{tool} {version(tool)}" for tool in TOOLS) + f" code {digest.hexdigest()[:16]}"
