"""A drafter's loss, where a mistake would not show: it would only train worse."""

import random
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from export.tuning import losses
from export.tuning.losses import drafter_loss, round_starts

KNOWN, TOKENS = 4, 6
"""Tokens of the drafter's and of the target's vocabulary."""


def test_rounds_begin_behind_what_was_accepted():
    """A round that accepts n drafts emits n + 1 tokens."""
    lengths = torch.tensor([[0, 2, 4, 4, 1, 0, 0], [4, 0, 0, 0, 0, 4, 0]])
    expected = [[1, 1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1, 0]]
    assert round_starts(lengths).tolist() == expected
    expected = [[0, 0, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0]]
    assert round_starts(lengths, [2, 1]).tolist() == expected


class Stub:
    """A drafter whose hidden states are what it reads, and whose head is given."""

    def __init__(self, head, window=4):
        self.lm_head = head
        self.model = SimpleNamespace(config=SimpleNamespace(sliding_window=window))
        self.read = []


@pytest.fixture
def stub(monkeypatch):
    """Embeddings are one-hot: a draft after token x scores as row x of the head says."""
    torch.manual_seed(0)
    made = Stub(torch.nn.Linear(KNOWN, KNOWN, bias=False))

    def step(drafter, embedded, hidden, positions, masks, kv):
        made.read.append(embedded.argmax(-1))
        return embedded[..., :KNOWN], hidden

    monkeypatch.setattr(losses, "drafter_step", step)
    return made


def loss(stub, rows, logits, counts=None, **more):
    counts = torch.ones_like(rows, dtype=torch.bool) if counts is None else counts

    def embed(tokens):
        return F.one_hot(tokens, TOKENS).float()

    return drafter_loss(stub, embed, rows, logits, logits, {}, 2, counts, **more)


ROWS = torch.tensor([[1, 2, 3, 0, 1, 2], [3, 3, 2, 1, 0, 2]])


def logits_of(rows, right=8.0):
    """A target that is sure of the rows' own next tokens."""
    return F.one_hot(rows.roll(-1, 1), TOKENS).float() * right


def test_a_step_reads_the_true_token_behind_the_one_before_it(stub):
    loss(stub, ROWS, logits_of(ROWS))
    padded = F.pad(ROWS, (0, 3))
    assert [read.tolist() for read in stub.read] == [padded[:, 1:7].tolist(), padded[:, 2:8].tolist()]


def test_what_is_learned_is_the_token_behind_the_one_that_is_read(stub):
    """A head that knows what follows each token has next to no loss; one that knows what follows that, much."""
    cycle = torch.arange(12)[None] % KNOWN
    for shift, is_right in ((1, True), (0, False), (2, False)):
        stub.lm_head.weight.data = 20.0 * F.one_hot((torch.arange(KNOWN) + shift) % KNOWN, KNOWN).float().T
        # The last position's teacher wraps around, which is right here.
        found, _, accepted = loss(stub, cycle, logits_of(cycle, 30.0))
        assert (float(found) < 0.01) == is_right and (accepted == [1.0, 1.0]) == is_right


def test_tokens_that_do_not_count_carry_no_loss(stub):
    counts = torch.zeros_like(ROWS, dtype=torch.bool)
    counts[0, 2:4] = True
    expected = float(loss(stub, ROWS, logits_of(ROWS), counts)[0].detach())
    other = logits_of(ROWS)
    other[1] = torch.randn(6, TOKENS)
    other[0, 4:] = other[0, :2] = 1.0
    assert float(loss(stub, ROWS, other, counts)[0].detach()) == pytest.approx(expected)
    other[0, 2] += torch.randn(TOKENS)
    assert float(loss(stub, ROWS, other, counts)[0].detach()) != pytest.approx(expected)


def test_tokens_that_the_drafter_does_not_know_carry_no_loss_and_are_never_right(stub):
    rows = torch.full((1, 8), KNOWN)
    found, _, accepted = loss(stub, rows, logits_of(rows, 60.0))
    assert float(found.detach()) == pytest.approx(0.0, abs=1e-6) and accepted == [0.0, 0.0]
    # Beside a known one, its share of the loss alone is missing.
    found, _, _ = loss(stub, ROWS, logits_of(ROWS))
    assert float(found.detach()) > 0.1


def test_in_chunks_it_is_the_same_with_the_same_gradients(stub, monkeypatch):
    def all_of_it():
        stub.lm_head.weight.grad = None
        found = loss(stub, ROWS, logits_of(ROWS), between_rounds=0.3, begins=[1, 2])
        found[0].backward()
        return float(found[0].detach()), found[2], stub.lm_head.weight.grad

    whole = all_of_it()
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 2 * 2 * TOKENS)
    parts = all_of_it()
    assert parts[0] == pytest.approx(whole[0], rel=1e-6) and parts[1] == whole[1]
    assert torch.allclose(parts[2], whole[2], atol=1e-6)


@pytest.mark.parametrize("chunk", [1 << 25, 2 * TOKENS])
def test_centroids_learn_the_target_s_mass_by_cluster(stub, monkeypatch, chunk):
    """At centroids that say just that, their loss is nothing; with clusters of other tokens it is not."""
    monkeypatch.setattr(losses, "CHUNK_LOGITS", chunk)
    rows = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]])
    clusters = torch.tensor([[0, 3], [1, 2]])
    follows = torch.tensor([[float((x + 1) % KNOWN in group) for x in range(KNOWN)] for group in clusters.tolist()])
    centroids = torch.nn.Linear(KNOWN, 2, bias=False)
    centroids.weight.data = 30.0 * follows
    stub.masked_embedding = SimpleNamespace(centroids=centroids)
    for tokens, is_right in ((clusters, True), (clusters.flip(0), False)):
        _, found, _ = loss(stub, rows, logits_of(rows, 40.0), clusters=tokens, draw=random.Random(0))
        assert (float(found.detach()) < 1e-3) == is_right
