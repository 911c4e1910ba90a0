"""The order of the allowed models: by the policy, by measurements, and by the current state."""
