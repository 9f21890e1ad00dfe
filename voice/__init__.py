"""The phone door: Twilio's signed webhooks in, TwiML out; an incident from the first ring."""
