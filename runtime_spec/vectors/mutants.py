"""Planted faults. Many leave the text as it is and only cost speed, so that the traces must catch them.

Each is a replacement in one source file of reference/ or sampling/. `text_unchanged` says whether every token of every
conversation stays the same that is not cancelled and, for faults of the loop, whose text no drawn draft decides: those
are the faults that a test of outputs would let through.
"""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime_spec.reference import accept, decode_loop, plan, session
from runtime_spec.sampling import block, filtered, penalty, rows, sampler
from runtime_spec.vectors import numbers, scripted

LOOP = {"accept": accept, "plan": plan, "decode_loop": decode_loop}
SAMPLING = {"block": block, "filtered": filtered, "penalty": penalty, "sampler": sampler}
MODULES = LOOP | SAMPLING
USERS = (decode_loop, session, sampler, block, rows, scripted, numbers)

UNFILTERED = "say_drawn([self._rows.filtered(row, Sampling(self.sampling.temperature), position) for row in rows], "
LARGEST = "next((i for i in range(count, 0, -1) if numbers[i - 1] < acceptance(i, left[i], p, q)), 0)"
FIRST_FAILURE = "next((i for i in range(count) if not numbers[i] < acceptance(i + 1, left[i + 1], p, q)), count)"


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    module: str
    right: str
    wrong: str
    text_unchanged: bool


MUTANTS = (
    Mutant("draft_count_ignores_budget", "plan", "remaining - 1, room", "room", True),
    Mutant("draft_count_off_by_one", "plan", "num_draft_tokens, rem", "max(0, num_draft_tokens - 1), rem", True),
    Mutant("draft_count_ignores_widths", "plan", "room - 1, widest - 1", "room - 1", False),
    Mutant("verify_width_ignores_capacity", "plan", " if width <= room)", ")", False),
    Mutant("common_beginning_forgotten", "plan", "    return count\n", "    return 0\n", True),
    Mutant("common_beginning_one_short", "plan", "    return count\n", "    return max(0, count - 1)\n", True),
    Mutant("common_beginning_not_compared", "plan", " and cached[count] == tokens[count]", "", False),
    Mutant("common_beginning_may_be_all", "plan", "len(tokens) - 1 and", "len(tokens) and", False),
    Mutant("verify_width_too_large", "plan", "return width\n", "return verify_widths[-1]\n", False),
    Mutant("accept_one_short", "accept", "    return num_accepted", "    return max(0, num_accepted - 1)", True),
    Mutant("accept_one_unchecked", "accept", "num_accepted = 0", "num_accepted = min(1, len(draft_tokens))", False),
    Mutant("hidden_from_last_slot", "decode_loop", "hiddens[len(emitted_tokens) - 1]", "hiddens[-1]", True),
    Mutant(
        "hidden_one_slot_early",
        "decode_loop",
        "hiddens[len(emitted_tokens) - 1]",
        "hiddens[max(0, len(emitted_tokens) - 2)]",
        True,
    ),
    Mutant("hidden_stays_from_prefill", "decode_loop", "state.hidden = hiddens[len(emitted_tokens) - 1]", "pass", True),
    Mutant("rollback_keeps_rejected_rows", "decode_loop", "target.rollback(cache_length)", "pass", True),
    Mutant(
        "stop_token_in_draft_keeps_cache",
        "decode_loop",
        "[bonus_token, *emitted_tokens[:-1]]",
        "[bonus_token, *draft_tokens[:num_accepted]]",
        False,
    ),
    Mutant("pending_token_not_prefilled", "decode_loop", "if bonus_token != NO_TOKEN:", "if False:", False),
    Mutant(
        "drafts_count_against_budget",
        "decode_loop",
        "state.remaining -= len(emitted_tokens)",
        "state.remaining = max(0, state.remaining - max(len(emitted_tokens), len(draft_tokens)))",
        False,
    ),
    Mutant("pending_token_kept_from_start", "decode_loop", "NO_TOKEN if from_start else ", "", False),
    Mutant("cached_tokens_kept_from_start", "decode_loop", "del state.cached[position:]", "pass", False),
    Mutant(
        "fill_not_cancelled", "decode_loop", "filled(done, len(tokens))\n        if cancelled():", "if False:", True
    ),
    Mutant(
        "fills_at_one_position",
        "decode_loop",
        "tokens[done : done + count], position + done",
        "tokens[done : done + count], position",
        False,
    ),
    Mutant("first_token_not_counted", "decode_loop", "max_new_tokens - 1", "max_new_tokens", False),
    Mutant("stop_token_only_as_bonus", "decode_loop", "if token in stop_tokens or i + 1 ==", "if i + 1 ==", False),
    Mutant("cache_full_one_late", "decode_loop", "cache_length == capacity", "cache_length > capacity", False),
    Mutant(
        "cancelled_pass_kept",
        "decode_loop",
        "        return cancel(state, 0, draft_tokens, draft_source, width, target_tokens, target)",
        "        pass",
        True,
    ),
    Mutant(
        "drafter_position_one_early",
        "decode_loop",
        "state.hidden, position, count",
        "state.hidden, position - 1, count",
        True,
    ),
    Mutant("drafter_not_told_the_text", "decode_loop", "drafter.draft(state.cached, ", "drafter.draft([], ", True),
    Mutant(
        "penalty_forgets_the_newest",
        "sampler",
        "self._text[begin:end] + drafted[max(0, begin - end) :]",
        "(self._text[begin:end] + drafted[max(0, begin - end) :])[:-1]",
        False,
    ),
    Mutant("penalty_window_one_long", "sampler", "max(0, slot - self", "max(0, slot - 1 - self", False),
    Mutant("penalty_raises_negative_logits", "penalty", "else logit * penalty", "else logit / penalty", False),
    Mutant(
        "penalty_not_rounded",
        "penalty",
        "= c_float(logit / penalty if logit > 0 else logit * penalty).value",
        "= logit / penalty if logit > 0 else logit * penalty",
        False,
    ),
    Mutant(
        "accept_number_chooses", "sampler", "slot + len(said), CHOOSE", "slot + len(said), accept_purpose(0)", False
    ),
    Mutant("accept_number_drafts", "sampler", "slot, draft_purpose(", "slot, accept_purpose(", False),
    Mutant("accept_number_of_all_rounds", "sampler", "accept_purpose(i)", "accept_purpose(0)", False),
    Mutant("draft_number_of_all_rounds", "sampler", "draft_purpose(len(self._drafted) - 1)", "draft_purpose(0)", False),
    Mutant(
        "slot_one_early",
        "sampler",
        "say(p, drafts, self.sampling.seed, slot)",
        "say(p, drafts, self.sampling.seed, position)",
        False,
    ),
    Mutant("acceptance_unfiltered", "sampler", "say_drawn(list(p), ", UNFILTERED, False),
    Mutant("ends_behind_a_residual", "sampler", "say([rest, *p[kept + 1 :]], ", "say([rest], ", False),
    Mutant(
        "ratio_not_capped",
        "block",
        "min(1.0, left[i] * p[i].of(draft) / q[i].of(draft))",
        "left[i] * p[i].of(draft) / q[i].of(draft)",
        False,
    ),
    Mutant("ratio_of_one_less", "block", "acceptance(i, left[i], p, q)", "acceptance(i, left[i - 1], p, q)", False),
    Mutant("ratio_left_out_of_acceptance", "block", "residual(p[i], q[i], left)", "residual(p[i], q[i], 1.0)", False),
    Mutant(
        "ratio_left_out_of_residual",
        "block",
        "residual(p[kept], q[kept], left[kept])",
        "residual(p[kept], q[kept], 1.0)",
        False,
    ),
    Mutant("first_failure_ends", "block", LARGEST, FIRST_FAILURE, False),
    Mutant("drafter_left_out_of_acceptance", "block", " / q[i].of(draft)", "", False),
    Mutant("target_drawn_in_place_of_residual", "block", "kept, rest or p[kept]", "kept, p[kept]", False),
    Mutant("residual_not_renormalised", "filtered", "u * sums[-1]", "u", False),
    Mutant("says_more_behind_the_rejected", "sampler", "if said[-1] != draft:", "if False:", True),
    Mutant("top_p_one_short", "filtered", "sums[-1]) + 1 :]", "sums[-1]) or 1 :]", False),
    Mutant("top_p_must_be_passed", "filtered", "bisect_left(sums", "bisect_right(sums", False),
    Mutant("top_k_one_short", "filtered", "tokens[sampling.top_k :]", "tokens[max(1, sampling.top_k - 1) :]", False),
    Mutant(
        "min_p_of_the_whole",
        "filtered",
        "weight < sampling.min_p]",
        "weight < sampling.min_p * total_of(weights)]",
        False,
    ),
    Mutant("highest_id_among_equals", "filtered", "range(len(row)), ", "range(len(row))[::-1], ", False),
)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The reference with the fault in it; the right functions and classes are put back at the end.

    Raises ValueError if the source no longer has the text that the fault replaces.
    """
    module = MODULES[mutant.module]
    source = Path(module.__file__).read_text(encoding="utf-8")
    if mutant.right not in source:
        raise ValueError(f"{mutant.name}: {mutant.right!r} is not in {mutant.module}.py")
    wrong = types.ModuleType(f"{module.__name__}_{mutant.name}")
    exec(compile(source.replace(mutant.right, mutant.wrong), wrong.__name__, "exec"), wrong.__dict__)
    saved = [(user, name, value) for user in USERS for name, value in vars(user).items() if _is_of(module, value)]
    try:
        for user, name, _ in saved:
            setattr(user, name, getattr(wrong, name))
        yield
    finally:
        for user, name, value in saved:
            setattr(user, name, value)


def _is_of(module: types.ModuleType, value: object) -> bool:
    return isinstance(value, types.FunctionType | type) and value.__module__ == module.__name__
