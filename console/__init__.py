"""The engineers' room: pages and the JSON API. Reads go to the tables, writes only through the desk."""
