"""The minimum detectable effect of a test.

Source: Bloom (1995), 'Minimum Detectable Effects', Evaluation Review 19(5). A power computed from
the observed effect repeats its p-value (Hoenig and Heisey 2001, 'The Abuse of Power', The American
Statistician 55(1)), so it is never shown.
"""

from importlib import import_module

from engine.statistics.samples import at_least

SIZE = 0.05
POWER = 0.80


def detectable(standard_error: float, degrees: float) -> float:
    """Return the smallest true effect that a two-sided 5% test finds in four of five samples.

    ``(t_0.975 + t_0.8) x standard error``, in the unit of the standard error.

    Parameters
    ----------
    standard_error : of the estimate, zero or positive
    degrees : degrees of freedom behind the standard error, at least 1

    Raises
    ------
    ReportError : a negative standard error, or no degree of freedom

    >>> round(detectable(0.01, 1_000_000), 4)  # (1.960 + 0.842) x 0.01
    0.028
    >>> round(detectable(0.01, 5), 4)  # (2.571 + 0.920) x 0.01
    0.0349
    """
    at_least(standard_error, 0.0, "standard_error")
    at_least(degrees, 1.0, "degrees")
    student = import_module("scipy.stats").t
    return float(
        (student.ppf(1 - SIZE / 2, degrees) + student.ppf(POWER, degrees)) * standard_error
    )
