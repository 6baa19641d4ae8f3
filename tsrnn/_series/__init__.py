"""What the user's rows are: series, stamps, lags, targets, scales, units."""
