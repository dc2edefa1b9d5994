"""Lowering in worker processes: what is left of a graph that can't be lowered, and what names a graph."""

from dataclasses import replace

import pytest

from export.errors import GraphError
from export.graphs.jobs import GraphJob, jobs
from export.graphs.lowering import lower_all
from tests.export.graphs.test_widths import pair


def test_a_graph_that_can_not_be_lowered_is_an_error_with_its_log(tmp_path):
    job = GraphJob("verify", replace(pair("demo")[0], rope={}))
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "pieces").mkdir()
    (tmp_path / "graphs" / "pieces" / "of_a_run_that_was_killed").touch()
    with pytest.raises(GraphError) as raised:
        list(lower_all([job], tmp_path / "graphs", processes=1))
    log = tmp_path / "log" / "lower-target-shared.log"
    assert raised.value.where == str(log)
    assert raised.value.found.endswith("KeyError: 'sliding_attention'") and "Traceback" in log.read_text()
    assert list((tmp_path / "graphs").iterdir()) == []


class Opened:
    """What `jobs` asks of a plan without a drafter."""

    def __init__(self, config, capacity, scales=1):
        self.target, self.drafter, self.capacity = self, None, capacity
        self.config, self.per_layer_scales = config, scales


def keys(config, capacity, scales=1):
    return [job.key() for job in jobs(Opened(config, capacity, scales))]


def test_contexts_share_graphs_where_they_read_the_same_parts():
    config = pair("demo")[0]
    assert keys(config, 300) == keys(config, 131_072) != keys(config, 128) == keys(config, 65) != keys(config, 64)
    assert not set(keys(config, 300)) & set(keys(replace(config, hidden_size=320), 300))
    # Codes whose rows have several scales have another look-up, and all else in common.
    assert len({*keys(config, 300)} - {*keys(config, 300, scales=config.num_layers)}) == 1
