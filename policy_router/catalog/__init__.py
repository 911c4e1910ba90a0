"""What is known of models without asking anyone: LiteLLM's table of models and prices."""
