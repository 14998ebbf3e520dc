"""What every other room speaks: our exceptions, Azure's CloudError, validation errors, strict JSON, name patterns."""
