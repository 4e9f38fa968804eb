"""VMMs of macOS: a process with a REST socket, a console, and a network of the system's."""
