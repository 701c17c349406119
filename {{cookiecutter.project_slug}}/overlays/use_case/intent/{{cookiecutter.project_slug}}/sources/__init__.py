"""Where raw events come from: files in four formats, and how a snapshot is made of them."""
