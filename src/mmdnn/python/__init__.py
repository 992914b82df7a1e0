"""Python text: names, literals, expressions, statements and their layout."""
