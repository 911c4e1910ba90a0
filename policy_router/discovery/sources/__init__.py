"""Where models are looked for: one module each, and `table` lists them."""
