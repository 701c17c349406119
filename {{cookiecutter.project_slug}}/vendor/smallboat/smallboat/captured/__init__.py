"""What the API captured, archived in the store and read in windows."""
