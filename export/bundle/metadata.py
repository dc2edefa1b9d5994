"""LiteRT-LM's `LlmMetadata` section: how an engine that is not ours finds tokens, turns and the context length."""

from collections.abc import Collection

from litert_lm_builder.runtime.proto import llm_metadata_pb2, sampler_params_pb2

from export.chat.engine import EngineTemplate
from export.checkpoint.sampling import Sampling
from runtime_spec.bundle.manifest import Tokens
from runtime_spec.chat.format import ROLES, ChatFormat

RUNTIME_VERSION = "0.18.1"
"""Of the LiteRT-LM that ran such bundles; an older one warns."""
TOOL_CALL = ("<|tool_call>", "<tool_call|>")
TOOL_RESPONSE, QUOTE = "<|tool_response>", '<|"|>'
THOUGHT = ("<|channel>", "<channel|>")


def llm_metadata(
    tokens: Tokens,
    max_tokens: int,
    chat: ChatFormat | None = None,
    template: EngineTemplate | None = None,
    sampling: Sampling | None = None,
    special: Collection[str] = (),
    vocab_size: int = 0,
) -> bytes:
    """The serialized message, deterministic. `special` are the tokenizer's added tokens; `vocab_size` is needed where
    sampling keeps all tokens.

    The model is a `gemma4`, whose calls of tools an engine takes apart, where template and tokenizer both know its
    fences; without them it is a `generic_model`. Pictures and sound are never announced: the bundle reads text."""
    message = llm_metadata_pb2.LlmMetadata()
    message.start_token.token_ids.ids.append(tokens.bos)
    for token in tokens.stop:
        message.stop_tokens.add().token_ids.ids.append(token)
    message.pad_token.token_ids.ids.append(tokens.pad)
    message.max_num_tokens = max_tokens
    message.min_runtime_version = RUNTIME_VERSION
    message.supports_thinking = template is not None and template.thinks
    message.supports_function_calling = template is not None and template.calls_tools
    if sampling is not None:
        params = message.sampler_params
        params.type = sampler_params_pb2.SamplerParameters.TOP_P
        # It knows neither min_p nor a penalty, and keeps at least one token: all of them are as many as there are.
        params.k, params.p, params.temperature = sampling.top_k or vocab_size, sampling.top_p, sampling.temperature
    if chat is not None:
        for role in ROLES:
            turn = chat.affixes(role)
            if turn is not None:
                affixes = getattr(message.prompt_templates, role)
                affixes.prefix, affixes.suffix = turn.prefix, turn.suffix
    _add_dialect(message, "" if template is None else template.text, special)
    if template is not None:
        message.jinja_prompt_template = template.text
    return message.SerializeToString(deterministic=True)


def _add_dialect(message: llm_metadata_pb2.LlmMetadata, text: str, special: Collection[str]) -> None:
    def knows(*pieces: str) -> bool:
        return all(piece in special and piece in text for piece in pieces)

    if knows(*TOOL_CALL, TOOL_RESPONSE, QUOTE):
        # 0.18.1's schema has no use_template_for_fc_format any more: the engine always goes by the template.
        gemma4 = message.llm_model_type.gemma4
        gemma4.code_fence_start, gemma4.code_fence_end = TOOL_CALL
        gemma4.open_quote = gemma4.close_quote = QUOTE
        gemma4.function_response_start = TOOL_RESPONSE
    else:
        message.llm_model_type.generic_model.SetInParent()
    if knows(*THOUGHT):
        channel = message.channels.add()
        channel.channel_name, channel.start, channel.end = "thought", f"{THOUGHT[0]}thought\n", THOUGHT[1]
