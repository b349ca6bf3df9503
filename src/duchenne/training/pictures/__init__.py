"""Pictures to learn from: real faces by one split of persons, rendered heads, photographs, teachers."""
