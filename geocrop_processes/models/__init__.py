"""Who decides: an ensemble of gradient-boosted forests, and what is known about it. No I/O."""
