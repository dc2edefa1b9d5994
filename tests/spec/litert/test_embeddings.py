"""Rows are looked up once and kept, up to a limit that no call outgrows."""

import numpy as np
import pytest

from runtime_spec.errors import UsageError
from runtime_spec.litert.embeddings import Embeddings
from tests.spec.litert.fakes import embedder


def written(embeddings, tokens, size=4):
    rows = np.full((len(tokens) + 1, size), -1, np.float32)
    embeddings.write(tokens, rows, None)
    assert (rows[-1] == -1).all(), "padding rows are left alone"
    return rows[:-1, 0].tolist()


def test_a_token_is_looked_up_once():
    call = embedder()
    embeddings = Embeddings(call, None, 1000)
    assert written(embeddings, [3, 5, 3]) == [3, 5, 3] and call.runs == 2
    assert embeddings.row(5).tolist() == [5] * 4 and call.runs == 2


@pytest.mark.parametrize("count", [7, 8, 9, 20, 200])
def test_a_call_longer_than_the_limit_still_has_its_own_rows(count):
    embeddings = Embeddings(embedder(), None, 1000, limit=8)
    written(embeddings, [500, 501])
    assert written(embeddings, list(range(count))) == list(range(count))
    assert written(embeddings, [500, 3, 999]) == [500, 3, 999]


def test_rows_beyond_the_limit_start_the_table_anew():
    call = embedder()
    embeddings = Embeddings(call, None, 1000, limit=8)
    for token in range(100):
        assert embeddings.row(token)[0] == token
    assert len(embeddings._rows) <= 8 and len(embeddings._tables[0]) == 64
    embeddings.row(0)
    assert call.runs == 101


def test_both_tables_are_filled_together():
    embeddings = Embeddings(embedder(), embedder(6), 1000)
    main, per_layer = np.zeros((2, 4), np.float32), np.zeros((2, 6), np.float32)
    embeddings.write([7, 9], main, per_layer)
    assert main[:, 0].tolist() == per_layer[:, 5].tolist() == [7, 9]


@pytest.mark.parametrize("token", [-1, 1000, 2**31, 10**30])
def test_a_token_outside_the_vocabulary_is_refused_before_the_look_up(token):
    call = embedder()
    embeddings = Embeddings(call, None, 1000)
    for use in (embeddings.row, lambda one: written(embeddings, [3, one])):
        with pytest.raises(UsageError, match="vocabulary"):
            use(token)
    assert call.runs == 1 and written(embeddings, [3, 999]) == [3, 999]
