"""Random numbers that depend on where a token stands, and on nothing that happened before."""

MASK = (1 << 64) - 1
CHOOSE = 0
"""The purpose of the number that chooses what the target says."""
PURPOSES = 128


def splitmix(x: int) -> int:
    """One step of SplitMix64 from state x: an unsigned 64-bit hash of an unsigned 64-bit number (Steele 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def uniform(seed: int, slot: int, purpose: int) -> float:
    """A double in [0, 1), a multiple of 2^-53, for the token that will be written at cache slot `slot`."""
    return (splitmix(splitmix(splitmix(seed) ^ (PURPOSES * slot + purpose))) >> 11) * 2.0**-53


def accept_purpose(i: int) -> int:
    """Whether the target keeps the ith draft of a round, from 0 on. A slot is drafted for and judged in several rounds,
    whose numbers must not be the same: what was made of one would bend the next."""
    return 2 * i + 1


def draft_purpose(i: int) -> int:
    """Which token the ith draft of a round is."""
    return 2 * i + 2


def reply_seed(seed: int, n: int) -> int:
    """The seed of the nth of several replies, from 0 to 2^63 - 1; the 0th has `seed` itself. Also that of the drafts of
    the round whose bonus token is at slot n."""
    return splitmix(seed ^ splitmix(n)) >> 1 if n else seed
