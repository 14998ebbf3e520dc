"""The common types of all other rooms: exceptions, Azure's CloudError, validation errors, strict JSON, name patterns."""
