"""Scripts behind figures of the documentation."""
