"""A bundle's chat format over its tokenizer: conversations to ids, replies to thought and answer (CHAT.md)."""

from collections.abc import Mapping, Sequence

from runtime_spec.bundle.manifest import Tokens
from runtime_spec.chat.conversation import Message, check, parts, rendered
from runtime_spec.chat.format import ChatFormat
from runtime_spec.chat.reply import ANSWER, THOUGHT, Splitter
from runtime_spec.chat.tokens import ControlToken, encode
from runtime_spec.litert.text_stream import TextStream
from runtime_spec.litert.tokenizer import BundleTokenizer


class Chat:
    """What a runtime needs to converse: `format` is what the template says, `control` the control tokens by text."""

    def __init__(
        self, format: ChatFormat, control: Mapping[str, ControlToken], tokens: Tokens, tokenizer: BundleTokenizer
    ):
        self.format, self.control, self._tokens, self._tokenizer = format, control, tokens, tokenizer

    def context(self, messages: Sequence[Message], thinking: bool = False) -> list[int]:
        """The ids of all that is said, up to where the model is to reply: the prompt of a turn from the start.

        Raises UsageError for a conversation that the template has no text for, and as BundleTokenizer.encode."""
        given = parts(self.format, messages, thinking)
        self._tokenizer.check_size(sum(len(part.text.encode("utf-8", "surrogatepass")) for part in given))
        return encode(given, self._tokens.bos, self.control, self._tokenizer.encode_text)

    def text(self, messages: Sequence[Message], thinking: bool = False) -> str:
        """What `context` encodes, as the template writes it; raises as that does."""
        check(self.format, messages, thinking)
        return rendered(self.format, messages, thinking)

    def splitter(self, thinking: bool = False) -> Splitter:
        """For the tokens of one reply, as they come."""
        opened_by = self.format.thinking.reply if thinking and self.format.thinking else self.format.reply
        return splitter(self.control, self._tokenizer, self.format, opened_by)

    def message(self, tokens: Sequence[int], thinking: bool = False) -> Message:
        """What the model said with `tokens`, as a message of the conversation."""
        if tokens and tokens[-1] in self._tokens.stop:
            tokens = tokens[:-1]
        splitter = self.splitter(thinking)
        said = [*splitter.add(tokens), *splitter.finish()]
        texts = {channel: "".join(text for name, text in said if name == channel) for channel in (THOUGHT, ANSWER)}
        begin = splitter.answer_begin
        answer = None if begin is None else tuple(tokens[begin:])
        return Message("model", texts[ANSWER], texts[THOUGHT], tuple(tokens), answer)


def control_tokens(format: ChatFormat | None, tokens: Tokens, tokenizer: BundleTokenizer) -> dict[str, ControlToken]:
    """A bundle's, by their text."""
    texts = [] if format is None else format.texts()
    return tokenizer.control_tokens(texts, {tokens.bos, tokens.pad, *tokens.stop})


def splitter(
    control: Mapping[str, ControlToken], tokenizer: BundleTokenizer, format: ChatFormat | None, opened_by: str
) -> Splitter:
    """For tokens as they come. Without a format all text is the answer, and control tokens are no text."""
    texts = {token.id: text for text, token in control.items()}
    thoughts = format and format.thoughts
    return Splitter(thoughts, opened_by, texts, lambda: TextStream(tokenizer.decode, tokenizer.byte_of))
