"""Everything that touches the world: each module implements one port and lets no foreign error out."""
