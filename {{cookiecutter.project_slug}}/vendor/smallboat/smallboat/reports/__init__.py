"""What people look at: tables in the terminal, and the report with its plots."""
