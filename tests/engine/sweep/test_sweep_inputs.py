"""Inputs of a sweep: the memory of its rules is the longest that its levels give."""

from engine.sweep import sweep_inputs

LOOKBACKS = """\
name: lookbacks
base: run.yaml
over:
  playbook.params.lookback: [LOOKBACK]
  playbook.params.smoothing: [SMOOTHING]
episodes:
- {name: only, start: 2026-01-02, end: 2026-01-30}
"""


def memory_days(toy, lookback, smoothing="0"):
    text = LOOKBACKS.replace("LOOKBACK", lookback).replace("SMOOTHING", smoothing)
    return sweep_inputs(toy.job(text=text)).memory_days


def test_the_memory_of_a_swept_lookback_is_that_of_its_longest_level(toy):
    longest = memory_days(toy, "30")
    assert memory_days(toy, "5, 10, 30") == longest > memory_days(toy, "5")


def test_the_memory_of_lookbacks_that_follow_one_another_is_that_of_the_longest_of_each(toy):
    longest = memory_days(toy, "20", "15")
    # Alone, each is hidden by the window of the volatility that sizes trades.
    assert longest > memory_days(toy, "20") == memory_days(toy, "5", "15")
    assert memory_days(toy, "5, 20", "0, 15") == longest
