"""The types that config.json names: gemma4 with its towers, gemma4_unified without encoders, the assistants of both."""

SLIDING, FULL = "sliding_attention", "full_attention"
TARGET_PREFIXES = {
    "gemma4": "model.language_model.", "gemma4_text": "model.",
    "gemma4_unified": "model.language_model.", "gemma4_unified_text": "model.",
}  # fmt: skip
# Drafter's model_type → the type of its decoder, where its text_config names none.
DRAFTER_TYPES = {"gemma4_assistant": "gemma4_text", "gemma4_unified_assistant": "gemma4_unified_text"}
# What the decoders' defaults differ in (Transformers 5.22.2, Gemma4TextConfig and Gemma4UnifiedTextConfig).
DEFAULTS = {
    "gemma4_text": {"sliding_window": 512, "max_position_embeddings": 131_072, "hidden_size_per_layer_input": 256},
    "gemma4_unified_text": {
        "sliding_window": 1024, "max_position_embeddings": 262_144, "hidden_size_per_layer_input": 0,
    },
}  # fmt: skip
DEFAULT_BACKBONES = {"gemma4_assistant": 1536, "gemma4_unified_assistant": 3840}
DEFAULT_ROPE = {
    SLIDING: {"rope_type": "default", "rope_theta": 10_000.0},
    FULL: {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1_000_000.0},
}
