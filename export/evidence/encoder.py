"""Text to tokens before there is a bundle, by the same rules as its runtime's (runtime_spec.litert.runtime.Runtime)."""

from tokenizers import Tokenizer

from export.checkpoint.tokenizer import TokenizerFiles
from runtime_spec.bundle.manifest import ChatPieces
from runtime_spec.reference.follow_up import without_pending


class Encoder:
    """The target's tokenizer and chat pieces; `chat` is None where the checkpoint has no template."""

    def __init__(self, files: TokenizerFiles, chat: ChatPieces | None):
        self.bos, self.stop, self.chat = files.bos, tuple(files.stop), chat
        self._tokenizer = Tokenizer.from_buffer(files.content())

    def text(self, text: str) -> list[int]:
        """Nothing but the text's own tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def prompt(self, text: str) -> list[int]:
        """The beginning-of-sequence token and the text."""
        return [self.bos, *self.text(text)]

    def first_turn(self, content: str) -> list[int]:
        """A conversation's first user turn, up to where the model answers. Needs `chat`."""
        return self.text(self.chat.prompt([("user", content)]))

    def follow_up(self, content: str, last_token: int) -> list[int]:
        """A further user turn behind `last_token`, the last of the conversation so far. Needs `chat`."""
        return without_pending(self.text(self.chat.follow_up(content)), last_token, self.stop)
