"""The slippage models, one file each."""
