"""python -m runtime_spec record | verify | digest: keeps the vectors and the reference in step."""

import argparse
import sys

from runtime_spec.errors import SlipstreamError


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runtime_spec", description="The specification's vectors.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("record", help="rewrite the rounds of scenarios, and all other vectors")
    verbs.add_parser("verify", help="check every scenario, every other vector and the digests")
    verbs.add_parser("digest", help="print the SHA-256 over the ten thousand scripted scenarios")
    verb = parser.parse_args(arguments).verb

    from runtime_spec.vectors.chat import record_chat, verify_chat
    from runtime_spec.vectors.decisions import record_decisions, verify_decisions
    from runtime_spec.vectors.fills import record_fills, verify_fills
    from runtime_spec.vectors.fuzz import COUNT, digest
    from runtime_spec.vectors.ngrams import record_ngrams, verify_ngrams
    from runtime_spec.vectors.numbers import record_numbers, verify_numbers
    from runtime_spec.vectors.scenario import record_all, verify_all

    try:
        if verb == "record":
            record_all()
            record_numbers()
            record_chat()
            record_ngrams()
            record_fills()
            record_decisions()
        elif verb == "verify":
            scenarios, cases, numbers = verify_all(), verify_chat(), verify_numbers()
            texts, fills, plays = verify_ngrams(), verify_fills(), verify_decisions()
            print(
                f"{scenarios} scenarios, the digest of {COUNT} scripted ones, {cases} cases of conversations, "
                f"{numbers} of sampling, {texts} of n-gram drafts, {fills} of prefills and the decisions of {plays} "
                "plays agree with the reference."
            )
        else:
            print(digest())
    except SlipstreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
