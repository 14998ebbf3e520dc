"""The Synapse run gateway: what lies directly here decides, `adapters/` and `wiring.py` touch the world."""
