"""Azurite, Microsoft's storage emulator: installed from package-lock.json, run with queues and tables only."""
