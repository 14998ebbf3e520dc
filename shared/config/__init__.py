"""App settings and gateway.json, read strictly, every mistake named."""
