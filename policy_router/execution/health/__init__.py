"""The health of models, keys and providers: cooldowns, circuit breakers, degradation."""
