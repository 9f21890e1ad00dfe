"""A mail read: bytes in, a `ParsedMessage` out. Pure."""
