"""LiteRT-LM's own count of accepted drafts: `python -m tests.parity.engine_acceptance BUNDLE TOKENS < prompts.json`.

The engine logs it once, when its drafter is destroyed: over all sessions, as accepted / drafted."""

import json
import sys

import litert_lm


def main() -> None:
    bundle, count = sys.argv[1], int(sys.argv[2])
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.INFO)
    engine = litert_lm.Engine(
        bundle,
        backend=litert_lm.Backend.CPU(thread_count=1),
        max_num_tokens=512,
        enable_speculative_decoding=True,
    )
    for text in json.load(sys.stdin):
        session = engine.create_session(
            apply_prompt_template=False,
            sampler_config=litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0),
            max_output_tokens=count,
            enable_speculative_decoding=True,
        )
        session.run_prefill([text])
        for _ in session.run_decode_async():
            pass
        session.close()
    engine.close()


if __name__ == "__main__":
    main()
