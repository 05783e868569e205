"""The door of a class: an ASGI middleware that lets nobody in without the code, and knows who each request comes from."""
