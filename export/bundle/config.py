"""The numbers of a target that its manifest tells."""

from export.checkpoint.config import TextConfig
from runtime_spec.bundle.manifest import Config


def manifest_config(text: TextConfig) -> Config:
    """Of a checkpoint's config."""
    kv = text.kv_layers
    return Config(
        vocab_size=text.vocab_size,
        hidden_size=text.hidden_size,
        num_layers=text.num_layers,
        sliding_window=text.sliding_window,
        layer_types=text.layer_types,
        kv_heads=tuple(text.kv_heads[i] for i in kv),
        head_dims=tuple(text.head_dims[i] for i in kv),
        kv_layers=kv,
        drafter_kv_layers=dict(text.drafter_kv_layers),
        per_layer_size=text.per_layer_size,
        softcap=text.softcap,
    )
