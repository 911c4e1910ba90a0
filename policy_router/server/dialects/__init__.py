"""Translates between the APIs that clients speak and the chat format that the executor takes.

Nothing here reads a clock, draws a random number or does IO: the result depends on the arguments
alone. The neutral form is a body of OpenAI's chat completions with the extensions that the callers
of models know, such as `thinking_blocks` and `cache_control`.
"""
