"""Azure Functions' types to values and back."""
