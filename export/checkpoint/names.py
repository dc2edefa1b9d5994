"""Parameter names of the traced modules to tensor names of a checkpoint."""

from export.checkpoint.checkpoint import Checkpoint

TIED_HEAD = "head.weight"


def tensor_name(checkpoint: Checkpoint, parameter: str) -> str:
    """The checkpoint tensor behind a traced parameter; `head.weight` is the embedding table unless untied."""
    if parameter == TIED_HEAD:
        return f"{checkpoint.prefix}embed_tokens.weight" if checkpoint.text.tie_word_embeddings else "lm_head.weight"
    outside_decoder = parameter.startswith(("pre_projection.", "post_projection.", "masked_embedding."))
    return parameter if outside_decoder else checkpoint.prefix + parameter
