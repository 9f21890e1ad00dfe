"""What is being asked, how bad it is, and what the customer's policy says about it."""
