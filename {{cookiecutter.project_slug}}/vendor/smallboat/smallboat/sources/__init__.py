"""What reads tables that come from anywhere: files, and interfaces with limits."""
