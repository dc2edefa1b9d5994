"""e to the power of x by operations that IEEE 754 fixes, so that every language gets the same bits."""

from math import factorial, floor, ldexp

LEAST = -40.0
"""Nothing below has any weight: e^-40 of the largest is lost in the sum's last bits."""
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
"""ln 2 in two parts: n * LN2_HIGH is exact for small n (fdlibm)."""
COEFFICIENTS = [1.0 / factorial(k) for k in range(13, -1, -1)]


def exponential(x: float) -> float:
    """e^x for LEAST <= x <= 0, within 1e-15 of it. The order of the operations is part of the specification."""
    n = floor(x * LOG2_E + 0.5)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    e = COEFFICIENTS[0]
    for coefficient in COEFFICIENTS[1:]:
        e = e * r + coefficient
    return ldexp(e, n)
