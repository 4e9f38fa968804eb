"""The backend ``krun``: libkrun on Apple's Hypervisor.framework, driven through krunkit."""
