"""The teacher's answers: queries, stored answers, the ledger that checks completeness, the table made from them."""
