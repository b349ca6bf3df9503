"""A study on one page: results -> a self-contained HTML file that works offline, and a PDF of it."""
