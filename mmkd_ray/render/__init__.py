"""Text, numbers and charts for people."""
