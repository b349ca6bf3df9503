"""What shows that heads are drawn right."""
