"""What limits and budgets mean for one request, and which models they exclude."""
