"""python -m runtime_spec record | verify | digest: keeps the vectors and the reference in step."""

import argparse
import sys

from runtime_spec.errors import SlipstreamError


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runtime_spec", description="The specification's vectors.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("record", help="rewrite scenarios' rounds, digest.txt and chat.json from the reference")
    verbs.add_parser("verify", help="replay every scenario and chat case, and check digest.txt")
    verbs.add_parser("digest", help="print the SHA-256 over the ten thousand scripted scenarios")
    verb = parser.parse_args(arguments).verb

    from runtime_spec.vectors.chat import record_chat, verify_chat
    from runtime_spec.vectors.decisions import record_decisions, verify_decisions
    from runtime_spec.vectors.fuzz import COUNT, digest
    from runtime_spec.vectors.scenario import record_all, verify_all

    try:
        if verb == "record":
            record_all()
            record_chat()
            record_decisions()
        elif verb == "verify":
            scenarios, cases, plays = verify_all(), verify_chat(), verify_decisions()
            print(
                f"{scenarios} scenarios, the digest of {COUNT} scripted ones, {cases} cases of conversations and the "
                f"decisions of {plays} plays agree with the reference."
            )
        else:
            print(digest())
    except SlipstreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
