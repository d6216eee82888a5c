"""The market state, one row a day.

Start at ``build.market_state``. Every number is read as known at the row's instant.
"""
