"""LiteRT-LM's engine as the tests open it: one thread, greedy; and bundles that tell it something else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import litert_lm
from litert_lm_builder.runtime.proto import llm_metadata_pb2

from tests.sealed import opened_sections, seal_bundle

GREEDY = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)


@contextmanager
def engine(bundle: Path, speculative: bool = False, **settings: object) -> Iterator[litert_lm.Engine]:
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.FATAL)
    cpu = litert_lm.Backend.CPU(thread_count=1)
    opened = litert_lm.Engine(str(bundle), backend=cpu, enable_speculative_decoding=speculative, **settings)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def session(opened: litert_lm.Engine, most: int) -> Iterator[litert_lm.Session]:
    """A session for texts as they are, without a template."""
    made = opened.create_session(apply_prompt_template=False, sampler_config=GREEDY, max_output_tokens=most)
    try:
        yield made
    finally:
        made.close()


def retold(bundle: Path, path: Path, change: Callable[[llm_metadata_pb2.LlmMetadata], None]) -> Path:
    """The bundle with other metadata, written to `path`."""
    sections, values = opened_sections(bundle)
    message = llm_metadata_pb2.LlmMetadata.FromString(sections["llm_metadata"])
    change(message)
    return seal_bundle(path, sections | {"llm_metadata": message.SerializeToString()}, values)
