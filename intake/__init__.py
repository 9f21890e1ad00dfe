"""The mail door: SMTP in, a request at the desk, one safe reply out; and the portal a sender is led to."""
