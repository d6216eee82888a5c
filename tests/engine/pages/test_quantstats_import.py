"""A page loads no library for single functions, and shows the same to the last bit."""

import importlib
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.pages.quantstats_import import NormalDistribution, linregress
from engine.pages.quantstats_part import COARSE_PICTURES, PICTURES, quantstats_html
from tests.engine.pages.test_quantstats_part import YEARS, returns

LOADED = """
import sys
from engine.pages.quantstats_import import import_quantstats

libraries = ("seaborn", "scipy.stats", "yfinance")
import_quantstats()
print(*(name in sys.modules for name in libraries))
import seaborn, scipy.stats, yfinance
print(hasattr(seaborn, "JointGrid"), hasattr(scipy.stats, "gamma"), hasattr(yfinance, "download"))
"""


def test_single_functions_load_no_library_which_can_be_loaded_after_it():
    command = [sys.executable, "-W", "ignore", "-c", LOADED]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False"] * 3 + ["True"] * 3


LEVELS = st.floats(0.0, 1.0)
NUMBERS = st.floats(-40.0, 40.0)


@given(LEVELS, NUMBERS, st.floats(1e-6, 2.0))
def test_quantiles_of_the_normal_distribution_are_those_of_scipy(level, mean, deviation):
    found = NormalDistribution().ppf(level, mean, deviation)
    assert found == stats.norm.ppf(level, mean, deviation)
    assert NormalDistribution().ppf(level) == stats.norm.ppf(level)


def test_quantiles_of_columns_are_those_of_scipy():
    means, deviations = pd.Series([0.1, -0.2, 0.0]), pd.Series([0.3, 0.0, np.nan])
    found = NormalDistribution().ppf(0.05, means, deviations)
    with np.errstate(invalid="ignore"):
        expected = stats.norm.ppf(0.05, means, deviations)
    np.testing.assert_array_equal(found, expected)
    assert type(found) is np.ndarray


@given(NUMBERS)
def test_probabilities_and_densities_of_the_normal_distribution_are_those_of_scipy(value):
    assert NormalDistribution().cdf(value) == stats.norm.cdf(value)
    assert NormalDistribution().pdf(value) == stats.norm.pdf(value)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e-9, 0.3, 1.0]))
def test_a_correlation_is_that_of_scipy(seed, share):
    first, second = np.random.default_rng(seed).normal(0, 0.01, (2, 60))
    joined = share * first + (1 - share) * second
    assert linregress(first, joined)[2] == stats.linregress(first, joined)[2]


def test_a_series_without_variance_or_with_gaps_is_left_to_scipy():
    varied = np.array([0.1, 0.2, 0.15])
    with pytest.raises(ValueError, match="identical"):
        linregress(np.zeros(3), varied)
    for odd in (np.zeros(3), np.array([0.1, np.nan, 0.3])):
        np.testing.assert_equal(linregress(varied, odd)[2], stats.linregress(varied, odd)[2])


def test_seaborn_s_short_names_of_colours_change_no_picture():
    # Its theme renames "b", "g", "r" and others for all later pictures of a process; the theme
    # is set only where seaborn was loaded before quantstats.
    names = (*PICTURES, *COARSE_PICTURES)
    options = {"periods_per_year": 365, "years": YEARS}
    plain = quantstats_html(names, returns(8), returns(9), **options)
    seaborn = importlib.import_module("seaborn")
    try:
        with mpl.rc_context():
            seaborn.set_color_codes("deep")
            renamed = quantstats_html(names, returns(8), returns(9), **options)
    finally:
        seaborn.reset_orig()
        seaborn.set_color_codes("reset")
    assert renamed == plain
