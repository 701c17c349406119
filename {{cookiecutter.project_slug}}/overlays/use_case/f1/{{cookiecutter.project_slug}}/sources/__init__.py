"""Where raw tables come from: files in the Ergast schema, and the HTTP API."""
