"""What LiteRT-LM says to bundles: greedily, whole replies."""

from collections.abc import Iterable
from pathlib import Path

import litert_lm

NEW_TOKENS = 96


def engine_replies(bundle: Path, texts: Iterable[str], speculative: bool, count: int = NEW_TOKENS) -> list[str]:
    """A reply of `count` tokens to each of `texts`, with its drafter or without. RuntimeError where the engine refuses
    the bundle."""
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    engine = litert_lm.Engine(
        str(bundle),
        backend=litert_lm.Backend.CPU(thread_count=1),
        max_num_tokens=512,
        enable_speculative_decoding=speculative,
    )
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    replies = []
    for text in texts:
        session = engine.create_session(
            apply_prompt_template=False,
            sampler_config=greedy,
            max_output_tokens=count,
            enable_speculative_decoding=speculative,
        )
        session.run_prefill([text])
        # Not streamed: the engine's streaming refuses bytes that do not end in whole characters.
        replies.append(session.run_decode().texts[0])
        session.close()
    engine.close()
    return replies
