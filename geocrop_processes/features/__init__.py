"""What we see: pure functions from cloudy observations to the 51 features of `FEATURE_ORDER_V1`."""
