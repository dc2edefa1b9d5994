"""e^x against sixty digits, everywhere that it is asked for."""

from decimal import Decimal, localcontext
from math import log, nextafter

from runtime_spec.sampling.exponential import COEFFICIENTS, LEAST, exponential
from runtime_spec.vectors.numbers import exponents


def error_of(x: float) -> float:
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(x).exp()
        return float(abs(Decimal(exponential(x)) - exact) / exact)


def test_it_is_within_1e_15_of_the_true_value():
    steps = (LEAST * i / 4001 for i in range(4002))
    assert max(map(error_of, [*exponents(), *steps])) < 1e-15


def test_the_check_of_it_would_see_a_term_less():
    less, x = COEFFICIENTS[3:], -log(2) * 0.5
    e = less[0]
    for coefficient in less[1:]:
        e = e * x + coefficient
    assert abs(e - exponential(x)) / exponential(x) > 1e-15


def test_ends():
    assert exponential(0.0) == exponential(-0.0) == exponential(-5e-324) == 1.0
    assert 0 < exponential(LEAST) <= exponential(nextafter(LEAST, 0.0)) < 5e-18
