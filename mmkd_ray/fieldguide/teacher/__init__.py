"""How the shipped teacher is made: a small vision-language model that looks at drawn birds and answers questions."""
