"""What looking n-grams up adds to a round in the Python reference: `python -m tests.spec.drafting.time_ngram`.

Median over rounds of three emitted tokens, in a cache that is nearly full. android_app/jmh has the same for Kotlin."""

import random
import statistics
import time

from runtime_spec.drafting.ngram import NgramIndex

ROUNDS, EMITTED, DRAFTS = 400, 3, 7


def round_seconds(slots: int, tokens: int) -> float:
    draw, index = random.Random(1), NgramIndex()
    cached = [draw.randrange(tokens) for _ in range(slots - 1 - EMITTED * ROUNDS)]
    bonus_token, seconds = 0, []
    index.match(cached, bonus_token)
    for _ in range(ROUNDS):
        cached += [bonus_token, *(draw.randrange(tokens) for _ in range(EMITTED - 1))]
        bonus_token = draw.randrange(tokens)
        begin = time.perf_counter()
        index.match(cached, bonus_token)
        index.drafts(DRAFTS)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


if __name__ == "__main__":
    for slots in (2_048, 32_768):
        for tokens in (30, 30_000):
            took = 1e6 * round_seconds(slots, tokens)
            print(f"{slots:>6} slots, {tokens:>5} distinct tokens: {took:5.1f} us a round")
