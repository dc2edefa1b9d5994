"""Quantised models against the float modules, on prompts the recipe has never seen: top-1 agreement and KL."""

from collections.abc import Callable

import torch

from export.errors import CheckFailedError
from export.modules import weights
from export.modules.target import Target
from export.plan import Plan
from export.record import LARGE_PARAMETERS, num_parameters, prompts
from runtime_spec.litert.runtime import Models

LENGTH = 64


@torch.no_grad()
def check(plan: Plan, models: Models, encode: Callable[[str], list[int]]) -> dict | None:
    """Figures over teacher-forced prompts and their greedy continuations; None for a model too large to hold in float.

    Raises CheckFailedError with the numbers when they are outside the recipe's tolerances."""
    if num_parameters(plan) > LARGE_PARAMETERS:
        return None
    module = weights.fill(Target(plan.target.config, plan.capacity, True, weights.empty_weight), plan.target)
    agreed = positions = 0
    divergence = 0.0
    for text in prompts()[0]:
        tokens = [plan.target.tokenizer.bos, *encode(text)]
        tokens = _continued(models, tokens, min(LENGTH, plan.capacity - 8))
        ours = _logits(models, tokens)
        exact = _float_logits(plan, module, models, tokens)
        agreed += int((ours.argmax(-1) == exact.argmax(-1)).sum())
        positions += len(tokens)
        exact, ours = exact.log_softmax(-1), ours.log_softmax(-1)
        divergence += float((exact.exp() * (exact - ours)).sum())
    found = {"top1_agreement": round(agreed / positions, 4), "mean_kl": round(divergence / positions, 6)}
    found["positions"] = positions
    _hold(plan, found)
    return found


def _continued(models: Models, tokens: list[int], length: int) -> list[int]:
    """The prompt and what the stored target says next, `length` tokens in all."""
    tokens = tokens[:length]
    token, _ = models.target.prefill(tokens, 0)
    while len(tokens) < length:
        tokens.append(token)
        token = models.target.verify([token], len(tokens) - 1, 1)[0][0]
    return tokens


def _logits(models: Models, tokens: list[int]) -> torch.Tensor:
    """Logits after each token, float[T, V], through the widest verify graph."""
    width, found = models.target.verify_widths[-1], []
    for begin in range(0, len(tokens), width):
        part = tokens[begin : begin + width]
        models.target.verify(part, begin, width)
        found.append(torch.from_numpy(models.target.logits().copy()))
    return torch.cat(found)


def _float_logits(plan: Plan, module: Target, models: Models, tokens: list[int]) -> torch.Tensor:
    config, count = plan.target.config, len(tokens)

    def rows(table: str, scale: float, shape: tuple[int, ...]) -> torch.Tensor:
        name = f"{plan.target.prefix}{table}.weight"
        values = torch.from_numpy(plan.target.tensors.read(name))[tokens]
        return values.reshape(shape) * scale

    size = config.hidden_size
    embedded = rows("embed_tokens", size**0.5, (1, count, size))
    per_layer = None
    if config.per_layer_size:
        shape = (1, count, config.num_layers, config.per_layer_size)
        per_layer = rows("embed_tokens_per_layer", config.per_layer_size**0.5, shape)
    mask = torch.full((count, plan.capacity), -1e4).triu(1)[None, None]
    caches = {}
    for i in config.kv_layers:
        heads, head = config.kv_heads[i], config.head_dims[i]
        caches[f"kv_cache_k_{i}"] = torch.zeros(1, heads, plan.capacity, head)
        caches[f"kv_cache_v_{i}"] = torch.zeros(1, heads, head, plan.capacity)
    return module(embedded, torch.arange(count, dtype=torch.int32), mask, per_layer, **caches)["logits"][0]


def _hold(plan: Plan, found: dict) -> None:
    wanted = plan.recipe.tolerances
    if found["top1_agreement"] >= wanted.min_top1_agreement and found["mean_kl"] <= wanted.max_mean_kl:
        return
    raise CheckFailedError(
        f"Recipe {plan.recipe.name} changes the model too much",
        expected=f"top-1 agreement of at least {wanted.min_top1_agreement}, mean KL of at most {wanted.max_mean_kl}",
        found=f"{found['top1_agreement']} and {found['mean_kl']} over {found['positions']} positions",
        where=plan.target.id,
        action="Choose a recipe with more bits.",
    )
