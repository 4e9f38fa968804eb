"""HXFR: frames and their H.264 over any byte stream, as a guest's encoder element asks for them."""
