"""LiteRT-LM's `LlmMetadata` section: how an engine that is not ours finds tokens, turns and the context length."""

from litert_lm_builder.runtime.proto import llm_metadata_pb2

from runtime_spec.bundle.manifest import Tokens
from runtime_spec.chat.format import ROLES, ChatFormat


def llm_metadata(
    tokens: Tokens,
    context_length: int,
    chat: ChatFormat | None,
    template: str | None,
    model_type: str = "generic_model",
) -> bytes:
    """The serialized message, deterministic.

    `template` is Jinja text that the engine can use (`chat_template.engine_template`), or None: the engine then makes
    one from the turn pieces. `model_type` is a field of LlmModelType: 0.18.1 gives the same tokens for generic_model
    and gemma4, but gemma4 announces image and audio tokens and a tool-call syntax that a text bundle does not have.
    """
    message = llm_metadata_pb2.LlmMetadata()
    message.start_token.token_ids.ids.append(tokens.bos)
    for token in tokens.stop:
        message.stop_tokens.add().token_ids.ids.append(token)
    message.pad_token.token_ids.ids.append(tokens.pad)
    message.max_num_tokens = context_length
    getattr(message.llm_model_type, model_type).SetInParent()
    message.supports_thinking = False
    message.supports_function_calling = False
    if chat is not None:
        for role in ROLES:
            turn = chat.affixes(role)
            if turn is not None:
                affixes = getattr(message.prompt_templates, role)
                affixes.prefix, affixes.suffix = turn.prefix, turn.suffix
    if template is not None:
        message.jinja_prompt_template = template
    return message.SerializeToString(deterministic=True)
