"""Reference guests: the archive they come from, the images they become, the catalogue that names them."""
