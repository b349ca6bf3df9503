"""Two codings of the same videos -> how far they agree, by action unit, with intervals; and advice on thresholds."""
