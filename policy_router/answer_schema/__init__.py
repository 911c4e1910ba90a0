"""JSON Schemas that answers of models are checked by."""
