"""OpenAI's responses, without the state that its server keeps between them."""
