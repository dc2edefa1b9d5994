"""What an export says before it works: what it reads, what it will write, what that needs here and on the phone."""

import json
from dataclasses import asdict

from export.forecast import Forecast, available_memory
from export.plan import Plan


def plan_json(plan: Plan, found: Forecast) -> str:
    """The plan as one JSON object; sizes in bytes, `seconds` an estimate."""
    return json.dumps({**_facts(plan), "forecast": asdict(found)})


def _facts(plan: Plan) -> dict:
    device = plan.device
    return {
        "target": plan.target.id,
        "adapter": plan.target.adapter and plan.target.adapter.id,
        "drafter": plan.drafter.id if plan.drafter else None,
        "device": device.id,
        "recipe": plan.recipe.name,
        "codes": plan.codes_found,
        "parameters": plan.num_parameters,
        "context_length": plan.capacity,
        "wanted_context": plan.wanted_context,
        "prefill_lengths": list(device.prefill_lengths),
        "draft_tokens": plan.draft_tokens,
        "verify_widths": list(plan.verify_widths),
        "stop_tokens": list(plan.tokens.stop),
        "chat_template": plan.chat.source if plan.chat else None,
        "chat_template_for_litert_lm": plan.chat.engine.summary if plan.chat else None,
        "prompts": plan.prompts.source,
        "warnings": plan.warnings,
        "revisions": {role: one.revision for role, one in plan.checkpoints.items() if one.revision},
        "licenses": {role: asdict(license) for role, license in plan.licenses.items()},
        "skipped": [{"name": t.name, "tensors": t.count, "bytes": t.nbytes} for t in plan.target.skipped],
    }


def plan_rows(plan: Plan, found: Forecast) -> list[tuple[str, str]]:
    """The same for people: (what, value) rows; an empty name goes on from the row above."""
    skipped = ", ".join(f"{tower.name} {size(tower.nbytes)}" for tower in plan.target.skipped)
    rows = [
        ("target", f"{plan.target.id}, {plan.num_parameters / 1e6:,.1f} M parameters"),
        *adapter_rows(plan),
        ("drafter", _drafter(plan)),
        *_revision_rows(plan),
        *_license_rows(plan),
        ("recipe", f"{plan.recipe.name}: {plan.recipe.description}"),
        *_codes_rows(plan),
        ("reads", f"{size(found.read_bytes)} of weights" + (f"; skips {skipped}" if skipped else "")),
        ("context", _context(plan)),
        ("passes", f"prefill of {_list(plan.device.prefill_lengths)}, verify of {_list((1, *plan.verify_widths))}"),
        ("chat", f"template of {plan.chat.source}" if plan.chat else "none: plain prompts only"),
        *([("", f"LiteRT-LM gets {plan.chat.engine.summary}")] if plan.chat else []),
        ("stops at", _stops(plan)),
        ("prompts", f"{plan.prompts.source}: {len(plan.prompts.plain)} plain, {len(plan.prompts.chats)} chats"),
    ]
    if found.download_bytes:
        begun = sum(file.size for file in plan.absent) - found.download_bytes
        begun = f"; {size(begun)} more are there already" if begun else ""
        rows.append(("download", f"{size(found.download_bytes)} of weights into {found.download_folder}{begun}"))
    rows += [(f"  {name}", f"about {size(nbytes)}") for name, nbytes in found.sections.items()]
    memory, apart = available_memory(), ", the download apart" if found.download_bytes else ""
    there = f" of {size(memory)} available" if memory is not None else ""
    rows += [
        ("bundle", f"about {size(found.bundle_bytes)}, shared weights once"),
        ("here", f"{size(found.disk_bytes)} of disk, {size(found.memory_bytes)} of memory{there}"),
        ("phone", f"{size(found.device_memory_bytes)} of memory, {size(found.cache_bytes)} of it keys and values"),
        ("time", f"about {duration(found.seconds)} on two cores{apart}"),
    ]
    return rows + [("warning", text) for text in plan.warnings]


def _stops(plan: Plan) -> str:
    """Every stop token by id and text, and which of them only the template names."""
    files = plan.target.tokenizer
    texts = {id: text for text, id in files.added.items()}
    said = [f"{id}" + (f" {texts[id]}" if id in texts else "") for id in plan.tokens.stop]
    if plan.tokens.stop[-1] not in files.stop:
        said[-1] += ", which the chat template writes behind a reply"
    return f"token{'s' * (len(said) > 1)} " + ", ".join(said)


def _drafter(plan: Plan) -> str:
    if plan.drafter is None:
        return f"none: up to {plan.draft_tokens} drafts a round are looked up in the text"
    known, tokens = plan.drafter.text.vocab_size, plan.target.text.vocab_size
    return plan.drafter.id + (f", drafts {known} of {tokens} tokens" if known < tokens else "")


def adapter_rows(plan: Plan) -> list[tuple[str, str]]:
    adapter = plan.target.adapter
    if adapter is None:
        return []
    unused = f"; {adapter.unused} of its own change no text" if adapter.unused else ""
    text = (
        f"{adapter.id}, trained on {adapter.base or 'a model that it does not name'}: changes {adapter.changed} tensors"
    )
    return [("adapter", text + unused)]


def _license_rows(plan: Plan) -> list[tuple[str, str]]:
    """The licence of each checkpoint whose card names one."""
    rows = [f"{license.name} ({role})" for role, license in plan.licenses.items()]
    return [("licence", ascii(", ".join(rows))[1:-1])] if rows else []


def _revision_rows(plan: Plan) -> list[tuple[str, str]]:
    rows = []
    for one in plan.checkpoints.values():
        if one.snapshot:
            asked = "" if one.snapshot.revision == one.revision else f" ({one.snapshot.revision})"
            stale = "" if one.snapshot.is_current else "; from the cache, the hub was not reached"
            rows.append(("" if rows else "from the hub", f"{one.id} at {one.revision[:12]}{asked}{stale}"))
    return rows


def _codes_rows(plan: Plan) -> list[tuple[str, str]]:
    rows = []
    for checkpoint in filter(None, (plan.target, plan.drafter)):
        if checkpoint.codes is None:
            continue
        found = checkpoint.codes
        counts = ", ".join(f"{bits} bits in {count} tensors" for bits, count in found.tensors.items())
        how = "kept bit for bit" if plan.recipe.keep_codes else "times their scales, as float"
        rows.append(("codes", f"of {checkpoint.id}, {how}: {counts}"))
        if plan.recipe.keep_codes:
            rows += [
                (
                    "",
                    f"{count} tensors of {old} bits are stored in {new}, values unchanged: rows fill whole bytes there",
                )
                for (old, new), count in found.widened.items()
            ]
        if found.activations:
            rows.append(
                ("", f"{found.activations} static scales of activations are not used: LiteRT rounds each by its range")
            )
        if found.caches:
            rows.append(("", f"{found.caches} scales of caches are not used: keys and values are float"))
    return rows


def size(nbytes: int) -> str:
    """In decimal units, three digits."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if nbytes >= scale:
            return f"{nbytes / scale:.{2 if nbytes < 10 * scale else 1}f} {unit}"
    return f"{nbytes / 1e3:.1f} kB"


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _context(plan: Plan) -> str:
    if plan.capacity < plan.wanted_context:
        return f"{plan.capacity} tokens, the model's maximum (the device's is {plan.wanted_context})"
    return f"{plan.capacity} tokens"


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
