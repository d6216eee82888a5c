"""The slippage model of every test whose numbers do not concern slippage.

One place states it, so that a change of the default changes no number of other tests.
"""

from engine.costs import RangeSlippage

RANGE = RangeSlippage()
# The same for a run file or for ``--set``.
RANGE_SETTING = "venue.slippage.model=range"
