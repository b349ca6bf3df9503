"""Who is drawn, and how that person moves."""
