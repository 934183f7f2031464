"""What a student is taught: arms, and where their targets come from."""
