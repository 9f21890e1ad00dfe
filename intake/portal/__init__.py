"""The portal a redirected sender is led to."""
