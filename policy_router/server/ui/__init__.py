"""The page that shows what the policy does, in a browser."""
