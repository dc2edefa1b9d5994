"""`python -m export generate`: the reference loop over a bundle, streaming text."""

import json
import sys
import time
from pathlib import Path

from export.errors import UsageError
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.stats import DecodeStats


def generate(
    bundle: Path, prompt: str, chat: bool, draft_tokens: str | None, max_new_tokens: int, threads: int, as_json: bool
) -> dict:
    """Decodes one prompt; prints text as it comes, or with `as_json` one object at the end. Returns that object."""
    check_unicode(prompt)
    with Runtime(bundle, threads) as runtime:
        tokens = runtime.encode(prompt, chat)
        session = runtime.session(_draft_count(draft_tokens, runtime))
        stats, emitted, written = DecodeStats(), [], ""
        begin = time.perf_counter()
        prefilled, reason = begin, None
        for number, one in enumerate(session.turn(tokens, max_new_tokens)):
            if number == 0:
                prefilled = time.perf_counter()
            stats.add(one)
            emitted += one.emitted_tokens
            reason = one.stop_reason
            if not as_json:
                text = runtime.decode(_visible(emitted, runtime)).rstrip("\ufffd")
                sys.stdout.write(text[len(written) :])
                sys.stdout.flush()
                written = text
        end = time.perf_counter()
        text = runtime.decode(_visible(emitted, runtime))
    seconds = end - prefilled
    result = {
        "prompt_tokens": tokens,
        "tokens": emitted,
        "text": text,
        "stop_reason": reason,
        "rounds": stats.rounds,
        "drafted": stats.drafted,
        "accepted": stats.accepted,
        "acceptance_rate": stats.acceptance_rate,
        "mean_accepted_length": stats.mean_accepted_length,
        "prefill_seconds": prefilled - begin,
        "decode_seconds": seconds,
        "tokens_per_second": (len(emitted) - 1) / seconds if len(emitted) > 1 else 0.0,
    }
    if as_json:
        print(json.dumps(result))
    else:
        print(text[len(written) :])
        line = f"[{reason}: {len(emitted)} tokens, {result['tokens_per_second']:.0f} tokens/s"
        print(line + f", acceptance {stats.acceptance_rate:.2f}]", file=sys.stderr)
    return result


def _visible(tokens: list[int], runtime: Runtime) -> list[int]:
    """Without the stop token that ended the turn."""
    stops = runtime.manifest.tokens.stop
    return tokens[:-1] if tokens and tokens[-1] in stops else tokens


def check_unicode(prompt: str) -> None:
    """UsageError for a prompt with bytes that are no UTF-8: the command line's come as lone surrogates."""
    wrong = next((character for character in prompt if "\ud800" <= character <= "\udfff"), None)
    if wrong is not None:
        found = f"byte 0x{ord(wrong) - 0xDC00:02x}" if "\udc80" <= wrong <= "\udcff" else ascii(wrong)
        raise _usage("--prompt", "text in UTF-8", found, "Write the prompt in UTF-8, or put it in a --prompt-file.")


def _draft_count(text: str | None, runtime: Runtime) -> int | None:
    """0 for plain decoding, None for the bundle's own number."""
    if text is None:
        return None
    if text == "off":
        return 0
    most = runtime.target.verify_widths[-1] - 1 if runtime.drafter else 0
    choices = f"off or a number from 0 to {most}" if most else "off: the bundle has no drafter"
    # isdigit alone is true of digits that int does not take, as a superscript two is.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise _usage("--draft-tokens", choices, ascii(text[:40]), "Choose a number that the bundle has graphs for.")
    return int(text)


def _usage(where: str, expected: str, found: str, action: str) -> UsageError:
    return UsageError(f"{where} does not fit", expected=expected, found=found, where=where, action=action)
