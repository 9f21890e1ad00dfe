"""Mail from a mailbox that lives elsewhere."""
