"""Documentation; `site/` makes the site of it."""
