"""The weight of a fund that is sold short against the risk weights of a book."""

import math
from collections.abc import Mapping

from strategies.hedged_rebalance.params import ShortHedge


def short_weight(
    hedge: ShortHedge, weights: Mapping[str, float], betas: Mapping[str, float]
) -> float:
    """Return the share of equity to sell short at full hedge, from 0 to ``max_weight``.

    It is ``share`` x the sum of weight x beta over the assets with a beta; an asset whose beta is
    unknown (NaN) is left out.

    >>> hedge = ShortHedge(instrument="QQQ", share=0.5)
    >>> round(short_weight(hedge, {"SPY": 0.4, "BTC": 0.1}, {"SPY": 0.8, "BTC": 0.2}), 9)
    0.17
    """
    known = {name: beta for name, beta in sorted(betas.items()) if not math.isnan(beta)}
    beta = math.fsum(weights[name] * beta for name, beta in known.items())
    return min(max(hedge.share * beta, 0.0), hedge.max_weight)
