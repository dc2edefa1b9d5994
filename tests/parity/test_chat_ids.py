"""Contexts in tokens against Transformers' `apply_chat_template`: equal where no content spells a control token, and
where one does, it is letters to us."""

import json
import shutil

import pytest
from transformers import AutoTokenizer

from export.chat.derive import chat_format, proof_conversations
from export.chat.template import as_messages
from export.cli.main import DEMO
from runtime_spec.bundle.manifest import Tokens
from runtime_spec.chat.conversation import written
from runtime_spec.litert.chat import Chat, control_tokens
from runtime_spec.litert.tokenizer import BundleTokenizer
from tests.android.tokenizer_sizes import gemma_sized
from tests.export.chat.templates import GEMMA_SHAPED, LARGE_SHAPED, PLAIN, template

CONTROL = ("<pad>", "<eos>", "<bos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>")
"""Of Gemma 4; the demo's tokenizer has the first five."""
TEMPLATES = {
    "demo": None,
    "plain": PLAIN,
    "shaped": GEMMA_SHAPED,
    "large": LARGE_SHAPED,
    "large, 262144 entries": LARGE_SHAPED,
}


@pytest.fixture(params=TEMPLATES)
def both(request, tmp_path):
    """Transformers' tokenizer with the template, and our Chat of it."""
    folder = shutil.copytree(DEMO / "target", tmp_path / "target", ignore=shutil.ignore_patterns("*.safetensors"))
    path = folder / "tokenizer.json"
    if "262144" in request.param:
        gemma_sized(path)
    values = json.loads(path.read_text())
    known = {token["content"] for token in values["added_tokens"]}
    size = 1 + max(values["model"]["vocab"].values())
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    missing = [text for text in CONTROL if text not in known]
    values["added_tokens"] += [{"id": size + i, "content": text, **flags} for i, text in enumerate(missing)]
    path.write_text(json.dumps(values))
    text = TEMPLATES[request.param]
    if text is not None:
        (folder / "chat_template.jinja").write_text(text)
    theirs = AutoTokenizer.from_pretrained(folder)
    format = chat_format(template((folder / "chat_template.jinja").read_text()))
    ids = {token["content"]: token["id"] for token in values["added_tokens"]}
    tokens = Tokens(ids["<bos>"], ids["<pad>"], (ids["<eos>"], ids["<turn|>"]))
    ours = BundleTokenizer(path.read_bytes(), size + len(missing), 100_000, "the tokenizer")
    return theirs, Chat(format, control_tokens(format, tokens, ours), tokens, ours), ours


def test_every_conversation_of_the_proof(both):
    theirs, chat, tokenizer = both
    equal = letters = 0
    for asked in proof_conversations(chat.format):
        if not asked.reply:
            continue
        messages = [written(chat.format, *turn) for turn in asked.turns]
        wanted = theirs.apply_chat_template(
            as_messages(asked.turns), add_generation_prompt=True, enable_thinking=asked.thinking, return_dict=False
        )
        found = chat.context(messages, asked.thinking)
        is_kept = chat.format.thoughts is not None and chat.format.thoughts.kept
        contents = [text for one in messages for text in (one.content, one.thought if is_kept else "")]
        if any(mark in text for mark in chat.control for text in contents):
            letters += 1
            ids = {token.id for token in chat.control.values()} - {found[0]}
            said = chat.text(messages, asked.thinking)
            spelled = sum(said.count(mark) - sum(t.count(mark) for t in contents) for mark in chat.control)
            spelled -= said.count("<bos>") - sum(text.count("<bos>") for text in contents)
            assert sum(id in ids for id in found) == spelled and found != wanted
            assert tokenizer.decode(found).removeprefix("<bos>") == said
        else:
            equal += 1
            assert found == wanted, asked
    assert equal >= 20 and letters >= 3
