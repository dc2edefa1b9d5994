"""Our reference loop against LiteRT-LM on one bundle, one thread, interleaved prompt by prompt:
`python -m tests.parity.bench_litert_lm BUNDLE`. Prints median tokens/s of decoding alone."""

import argparse
import json
import statistics
import time
from pathlib import Path

import litert_lm

from export.bench import NEW_TOKENS, measure
from export.record import prompts
from runtime_spec.litert.runtime import Runtime


def engine_speed(engine, text: str, speculative: bool, tokenizer) -> float:
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    session = engine.create_session(
        apply_prompt_template=False,
        sampler_config=greedy,
        max_output_tokens=NEW_TOKENS,
        enable_speculative_decoding=speculative,
    )
    session.run_prefill([text])
    begin = time.perf_counter()
    reply = "".join(chunk.texts[0] for chunk in session.run_decode_async())
    seconds = time.perf_counter() - begin
    session.close()
    return len(tokenizer.encode(reply, add_special_tokens=False).ids) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    engines = {
        speculative: litert_lm.Engine(
            str(args.bundle),
            backend=litert_lm.Backend.CPU(thread_count=1),
            max_num_tokens=512,
            enable_speculative_decoding=speculative,
        )
        for speculative in (False, True)
    }
    speeds: dict[str, list[float]] = {}
    with Runtime(args.bundle) as runtime:
        for _ in range(args.repeats):
            for text in prompts()[0]:
                tokens = runtime.encode(text)
                for speculative, engine in engines.items():
                    name = "drafted" if speculative else "plain"
                    drafts = runtime.manifest.draft_tokens if speculative else 0
                    ours = measure(runtime.target, runtime.drafter, tokens, drafts, NEW_TOKENS)["speed"]
                    theirs = engine_speed(engine, text, speculative, runtime.tokenizer)
                    speeds.setdefault(f"ours {name}", []).append(ours)
                    speeds.setdefault(f"litert-lm {name}", []).append(theirs)
    print(json.dumps({name: round(statistics.median(values)) for name, values in speeds.items()}, indent=1))


if __name__ == "__main__":
    main()
