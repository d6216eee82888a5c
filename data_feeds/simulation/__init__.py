"""Generated markets: the liquidation flywheel, reconstructed episodes, scenario paths."""
