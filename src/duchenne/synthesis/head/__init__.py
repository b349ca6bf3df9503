"""A whole head: eyes, teeth, hair, glasses, and what comes before it."""
