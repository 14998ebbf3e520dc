"""Which values are secret, and what stands in their place."""
