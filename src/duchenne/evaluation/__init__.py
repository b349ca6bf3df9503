"""From scores to a report: runs (one JSON each), relations, significance, tables, figures, the whole experiment."""
