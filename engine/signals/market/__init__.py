"""The state of the markets, one row a day: what a desk reads before it decides anything.

``build.market_state`` is the way in. Every number is read as known at the row's instant.
"""
