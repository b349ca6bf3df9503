"""Which patches each AU rests on."""
