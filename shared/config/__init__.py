"""App settings and gateway.json: read strictly, with every mistake reported."""
