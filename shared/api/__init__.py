"""To be written: one sentence."""
