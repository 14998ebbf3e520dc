"""What an operator starts by hand."""
