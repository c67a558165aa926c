"""The inside of a node: what the importers of its descriptions have in common.

They gather GPUs and adapters as `Gpu` and `Adapter`; `site_of` makes a `Site` of them: which
adapters carry training traffic and in which order, what the scale-up links add up to, and what is
out of service.
"""
