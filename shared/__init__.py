"""The app's package: rooms that import downwards, from `kernel` up to `commands` (CONTRIBUTING.md has the map)."""
