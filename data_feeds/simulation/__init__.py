"""Generate markets: the liquidation flywheel, reconstructed episodes, scenario paths."""
