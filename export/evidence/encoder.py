"""Text to tokens before there is a bundle, by the same rules as its runtime's (runtime_spec.litert)."""

from export.plan import Plan
from runtime_spec.chat.conversation import Message
from runtime_spec.litert.chat import Chat, control_tokens
from runtime_spec.litert.tokenizer import BundleTokenizer


class Encoder:
    """The target's tokenizer and chat format; `chat` is None where the checkpoint has no template."""

    def __init__(self, plan: Plan):
        files, format, tokens = plan.target.tokenizer, plan.chat and plan.chat.format, plan.tokens
        self.bos = files.bos
        size, slots = plan.target.config.vocab_size, plan.capacity
        self._tokenizer = BundleTokenizer(files.content(), size, slots, str(files.path))
        control = control_tokens(format, tokens, self._tokenizer)
        self.chat = format and Chat(format, control, tokens, self._tokenizer)

    def text(self, text: str) -> list[int]:
        """Nothing but the text's own tokens."""
        return self._tokenizer.encode(text)

    def prompt(self, text: str) -> list[int]:
        """The beginning-of-sequence token and the text."""
        return [self.bos, *self.text(text)]

    def context(self, contents: list[str], replies: list[list[int]]) -> list[int]:
        """What users said, between it the model's replies in tokens, up to where it is to reply. Needs `chat`."""
        messages = [Message("user", contents[0])]
        for reply, content in zip(replies, contents[1:], strict=True):
            messages += [self.chat.message(reply), Message("user", content)]
        return self.chat.context(messages)
