"""The ground floor: the house's words, its errors, its rows, and the only commit."""
