"""Where policies come from: a folder that is watched, or a Git repository that is asked.

A source gives the texts of a policy and says which revision they are; what it cannot give, it
tells by itself. Everything after it (`compiler`, `xds`) neither knows nor cares.
"""
