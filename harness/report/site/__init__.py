"""A site of every run: pages without a server, a network or anything to install; see ``visorbench publish``."""
