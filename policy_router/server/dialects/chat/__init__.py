"""The dialect of OpenAI's Chat Completions API, which is also the neutral form."""
