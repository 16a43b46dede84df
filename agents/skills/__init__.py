"""What Claude is asked to design, one file a skill. Each has a plain twin in engines/ that needs no Claude."""
