"""Who is answered, in which words, and how it goes out."""
