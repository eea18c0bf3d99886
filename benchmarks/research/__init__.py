"""Scripts behind docs/research: questions that were once asked."""
