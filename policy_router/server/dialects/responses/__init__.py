"""The dialect of OpenAI's Responses API, without stored state."""
