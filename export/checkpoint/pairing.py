"""Whether a drafter can read what its target computes."""

from export.checkpoint.checkpoint import Checkpoint
from export.errors import PairingError


def check_pairing(target: Checkpoint, drafter: Checkpoint) -> None:
    """Raises PairingError unless `drafter` can read the target's embeddings, hidden states, keys and values."""
    if (target.role, drafter.role) != ("target", "drafter"):
        raise PairingError(
            "Target and drafter are not one of each",
            expected="a target and a drafter",
            found=f"a {target.role} and a {drafter.role}",
            where=f"{target.folder} and {drafter.folder}",
            action="Name the target as the target and its assistant as the drafter.",
        )
    ours, theirs = drafter.config.text, target.config
    _require_equal(
        "backbone_hidden_size", drafter.config.backbone_hidden_size, "hidden_size", theirs.hidden_size, drafter
    )
    pieces = target.tokenizer.pieces if target.tokenizer else theirs.vocab_size
    # Tokens that were added to the target alone are never drafted; fewer than its pieces are another vocabulary.
    if not pieces <= ours.vocab_size <= theirs.vocab_size:
        _require_equal("vocab_size", ours.vocab_size, "vocab_size", theirs.vocab_size, drafter)
    _require_equal("sliding_window", ours.sliding_window, "sliding_window", theirs.sliding_window, drafter)
    if set(ours.kinds) - set(theirs.kinds):
        _require_equal("layer types", " and ".join(ours.kinds), "only", " and ".join(theirs.kinds), drafter)
    for kind in ours.kinds:
        layer, source = ours.layer_types.index(kind), theirs.drafter_kv_layers[kind]
        for key, mine, yours in (
            ("head_dim", ours.head_dims[layer], theirs.head_dims[source]),
            ("num_key_value_heads", ours.kv_heads[layer], theirs.kv_heads[source]),
            ("rope_parameters", ours.rope[kind], theirs.rope[kind]),
        ):
            _require_equal(f"{kind} {key}", mine, f"{kind} {key}", yours, drafter)


def _require_equal(key: str, mine: object, target_key: str, yours: object, drafter: Checkpoint) -> None:
    if mine != yours:
        raise PairingError(
            f"Drafter does not fit target: {key} {mine}, target {target_key} {yours}",
            expected=f"{key} {yours}",
            found=f"{key} {mine}",
            where=str(drafter.folder / "config.json"),
            action="Use the drafter of the same size.",
        )
