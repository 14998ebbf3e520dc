"""Who calls, whether the proof is good, and whether they may start this."""
