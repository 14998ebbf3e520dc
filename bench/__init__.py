"""What it costs: figures that the docs quote."""
