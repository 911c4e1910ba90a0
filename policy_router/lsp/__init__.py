"""The language server: shows findings, completions and more while a policy file is edited."""
