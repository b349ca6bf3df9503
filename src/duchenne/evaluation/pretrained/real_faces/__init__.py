"""Action units of a network against mean grades of real people's faces: what `duchenne dev real-faces` measures."""
