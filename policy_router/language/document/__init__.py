"""The shape of a policy file: pydantic models, from which the JSON Schema is generated."""
