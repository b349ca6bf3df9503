"""A local page on which coders look at videos, judge the events found in them, and code their own (docs/review.md)."""
