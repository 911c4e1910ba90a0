"""The policy of the demonstrations, for simulated models."""

from typing import Final

POLICY: Final = """\
version: 1
name: demo
description: Free and local models first; the paid one for hard requests.
tiers: [light, standard, heavy]
models:
  llama:                                  # on our own machine
    model: openai/llama
    api_base: {url}
    tier: light
    price: free
    context: 8k
    tags: [local]
  qwen-free:                              # a free offer of a provider, with its limits
    model: openai/qwen-free
    api_base: {url}
    tier: standard
    price: free
    context: 32k
    can: [tools, json]
  own-gpu:
    model: openai/own-gpu
    api_base: {url}
    tier: standard
    price: {{ input: $0.10/M, output: $0.40/M }}
    context: 32k
    tags: [local]
  sonnet:
    model: openai/sonnet
    api_base: {url}
    tier: heavy
    price: {{ input: $3/M, output: $15/M }}
    context: 200k
    can: [tools, json, vision]
tasks:
  code: {{ min_tier: standard }}
  chat: {{}}
complexity:
  bands:
    easy: {{ from: 0.0 }}
    hard: {{ from: 0.6, min_tier: heavy }}
prefer: [free, smallest, cheapest]
rules:
  - name: private data stays on our machines
    when: {{ tags: private }}
    only: [local]
budgets:
  team: {{ cap: $5/month, then: free_only }}
"""
"""The policy; `{url}` stands for the address of the models."""
