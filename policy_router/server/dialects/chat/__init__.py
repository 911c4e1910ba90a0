"""OpenAI's chat completions, which are the neutral form already."""
