"""Models, prices and abilities from LiteLLM's own table."""
