"""Real components of a world, one a file: `world.add("registry")`, `up --with registry`, `part("registry")`.

Every file here is a part by that alone (see `part`); what several share lies beside this package.
"""
