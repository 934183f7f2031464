"""What the teacher has said: queries, stored answers, the ledger that proves them, the table read from them."""
